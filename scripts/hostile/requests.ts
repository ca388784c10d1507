import type { OpenApi, Operation } from "#core/contract/index.ts";
import {
  below,
  bomb,
  doubled,
  mutated,
  nested,
  oneOf,
  type Random,
  spoilt,
  strangeHeaders,
  strangeJson,
  strangeParts,
} from "./values.ts";

/** A request that a caller with bad intent, or a broken program, may send. */
export interface HostileRequest {
  /** What is wrong with it. */
  kind: string;
  /** The route, as the OpenAPI document writes it. */
  route: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array | string | null;
}

/** What hostile requests may name that exists. */
export interface Known {
  models: readonly string[];
  regions: readonly string[];
  tokens: readonly string[];
  /** Good bodies by the end of the route that takes them. */
  bodies: Readonly<Record<string, string>>;
}

const headerNames = [
  ...["accept", "prefer", "traceparent", "tracestate", "idempotency-key", "x-upriver-request", "x-upriver-region"],
  ...["x-upriver-via", "x-upriver-reviewer", "if-none-match", "inference-header-content-length", "origin", "range"],
  ...["content-encoding", "content-type", "authorization", "cf-connecting-ip", "x-forwarded-for", "expect-ct"],
];
const otherMethods = ["PATCH", "OPTIONS", "HEAD", "PROPFIND", "PUT", "DELETE", "POST", "GET"];
const bodyMethods = new Set(["POST", "PUT", "PATCH"]);
/** Routes that store nothing for a model that accepts every question and keeps none, even where a request is good. */
const harmless = /\/(ask|infer|systemone|decisions)$|:(predict|regress)$/;

/**
 * Makes hostile requests over all routes of an OpenAPI document, the same for the same random numbers. None of them may
 * store anything: what a route that writes would take names nothing that exists, or has a body that no schema takes.
 */
export function* hostileRequests(document: OpenApi, known: Known, random: Random): Generator<HostileRequest> {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  for (let i = 0; ; i++) {
    const { path, method, operation } = routes[i % routes.length] as (typeof routes)[number];
    yield hostile({ path, method, operation }, known, random);
  }
}

interface Target {
  path: string;
  method: string;
  operation: Operation;
}

function hostile({ path, method, operation }: Target, known: Known, random: Random): HostileRequest {
  const isHarmless = method === "GET" || harmless.test(path);
  const takesBody = bodyMethods.has(method);
  const kinds = takesBody ? Object.keys(bodies) : [];
  // Where a good body would write, the path names nothing that exists, unless the body is surely bad.
  const kind = random() < 0.6 && kinds.length > 0 ? oneOf(random, kinds) : oneOf(random, otherKinds);
  const isBad = badKinds.has(kind);
  const names = isHarmless || isBad ? random() < 0.7 : false;
  const request: HostileRequest = {
    kind,
    route: `${method} ${path}`,
    method,
    path: pathOf(path, known, random, names),
    headers: { authorization: `Bearer ${oneOf(random, known.tokens)}` },
    body: null,
  };
  if (takesBody) {
    const type = Object.keys(operation.requestBody?.content ?? { "application/json": 1 })[0] as string;
    request.headers["content-type"] = type;
    request.body = bodyOf(path, known);
    bodies[kind]?.(request, random);
  }
  others[kind]?.(request, random);
  return request;
}

/** Fills a path's parameters: with names that exist, or with strange ones. */
function pathOf(path: string, { models, regions }: Known, random: Random, isKnown: boolean): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (!isKnown) return oneOf(random, strangeParts);
    if (name === "model") return oneOf(random, models);
    if (name === "region") return oneOf(random, regions);
    if (name === "version") return "1";
    if (name === "id") return `${oneOf(random, models)}~${oneOf(random, regions)}~${oneOf(random, strangeParts)}`;
    return oneOf(random, strangeParts);
  });
}

function bodyOf(path: string, { bodies: good }: Known): string {
  const end = Object.keys(good).find((one) => path.endsWith(one));
  return end === undefined ? '{"version":9007199254740991,"label":"no-such-label","truths":[]}' : (good[end] as string);
}

type Change = (request: HostileRequest, random: Random) => void;

/** What may be wrong with a body. */
const bodies: Readonly<Record<string, Change>> = {
  "another root"(request, random) {
    request.body = oneOf(random, strangeJson);
  },
  "a changed value"(request, random) {
    request.body = mutated(random, String(request.body));
  },
  "spoilt bytes"(request, random) {
    request.body = spoilt(random, new TextEncoder().encode(String(request.body)));
  },
  "cut off"(request, random) {
    const text = String(request.body);
    request.body = text.slice(0, 1 + below(random, Math.max(1, text.length - 1)));
  },
  "random bytes"(request, random) {
    request.body = Uint8Array.from({ length: below(random, 2_000) }, () => below(random, 256));
  },
  nesting(request, random) {
    request.body = nested(random);
  },
  "a field twice"(request, random) {
    request.body = doubled(random, String(request.body));
  },
  "an unknown field"(request, random) {
    const name = oneOf(random, ["colour", "__proto__", "constructor", "then", "", "a.b", "\\u0000", "$ref"]);
    request.body = String(request.body).replace(/^\{/, `{"${name}":${oneOf(random, strangeJson)},`);
  },
  "another content type"(request, random) {
    const types = [
      "text/csv",
      "image/png",
      "image/jpeg",
      "image/webp",
      "image/svg+xml",
      "multipart/form-data",
      "a/b",
      ";",
    ];
    request.headers["content-type"] = oneOf(random, types);
  },
  "another encoding"(request, random) {
    request.headers["content-encoding"] = oneOf(random, [
      "gzip",
      "br",
      "deflate",
      "zstd",
      "gzip, gzip",
      "identity, x",
      "",
    ]);
  },
  bomb(request) {
    request.headers["content-encoding"] = "gzip";
    request.body = bomb;
  },
  "too large"(request, random) {
    // Rare: it takes as long as a thousand others.
    if (random() < 0.05) request.body = `{"instance":"${"x".repeat(25 * 1024 * 1024)}"}`;
    else request.headers["inference-header-content-length"] = "99999999999";
  },
};

/** The kinds after which a body is surely no JSON, or none that any schema takes. */
const badKinds = new Set(["cut off", "nesting", "bomb", "random bytes"]);

/** What may be wrong with the rest of a request. */
const others: Readonly<Record<string, Change>> = {
  "a strange header"(request, random) {
    for (let n = 1 + below(random, 3); n > 0; n--) {
      const name = oneOf(random, headerNames);
      // A good question with an idempotency key is stored, as it says.
      if (name !== "idempotency-key" || !harmless.test(request.path))
        request.headers[name] = oneOf(random, strangeHeaders);
    }
  },
  "a strange query"(request, random) {
    const names = [
      "version",
      "limit",
      "since",
      "scope",
      "region",
      "candidates",
      "top",
      "trace",
      "accept",
      "label",
      "__proto__",
    ];
    const one = () => `${oneOf(random, names)}=${oneOf(random, strangeParts).slice(0, 500)}`;
    const query = Array.from({ length: 1 + below(random, random() < 0.05 ? 500 : 4) }, one);
    request.path += `?${query.join("&").slice(0, 12_000)}`;
  },
  "another method"(request, random) {
    const method = oneOf(random, otherMethods);
    // Never one that the route has and that would write.
    if (["PUT", "DELETE", "POST"].includes(method)) request.path = `/v1/nothing${request.path}`;
    request.method = method;
    if (!bodyMethods.has(method)) request.body = null;
  },
  "another path"(request, random) {
    const tricks = ["/..", "/.", "//", "/%2e%2e/", "/%00", ";a=b", "/../../v1/models", "%20", "/console/../v1/models"];
    request.path += oneOf(random, tricks);
  },
  "no good token"(request, random) {
    const values = ["", "Bearer", "Bearer ", "Basic YTpi", `Bearer ${"x".repeat(600)}`, "Bearer a b", "Bearer \u00ff"];
    request.headers.authorization = oneOf(random, values);
  },
};
const otherKinds = Object.keys(others);
