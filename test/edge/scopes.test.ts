import { exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { IssuedToken, NewToken, OpenApi, Operation, TokenOrder } from "#core/contract/index.ts";
import { scopes } from "#core/tokens.ts";
import type { Route } from "#edge/call.ts";
import { documentOf } from "#edge/openapi/document.ts";
import { routes } from "#edge/routes/index.ts";
import { ask, call, eventually, expectOk, publish } from "../helpers/edge.ts";

/** What a request is about. Tokens are limited to the model `scoped` or the region `own-r`: names that no manifest lists. */
interface Target {
  model: string;
  region: string;
}

interface Holder {
  name: string;
  /** The header; null without one. */
  authorization: string | null;
  /** What the token may do; null for one that is no token. */
  may: Pick<NewToken, "scopes" | "models" | "regions"> | null;
}

const own: Target = { model: "scoped", region: "own-r" };
const elsewhere: Target[] = [
  { model: "scoped", region: "their-r" },
  { model: "foreign", region: "own-r" },
];
const targets = [own, ...elsewhere];
const blobs = new Map<string, string>();
const questions = new Map<string, string>();
let holders: Holder[] = [];
let document: OpenApi;

beforeAll(async () => {
  const regions = { from: "field", name: "region", keys: ["world"], parent: "world", open: { perTokenPerDay: 99 } };
  const policy = { ladder: ["edge", "region", "human"], keep: "all", regions } as never;
  for (const [model, seed] of [
    ["scoped", 31],
    ["foreign", 32],
  ] as const) {
    const built = await publish({ model, seed, threshold: 2, policy });
    blobs.set(model, built.manifest.thin.backbone.topology.sha256);
  }
  for (const { model, region } of targets) {
    // One is flagged, and one waits for a person.
    const [flagged, waiting] = [await ask(model, question(region, 1)), await ask(model, question(region, 2))];
    expect([flagged.region, waiting.region]).toEqual([region, region]);
    questions.set(`${model} ${region}`, waiting.id);
    const flag = () => call("POST", `/v1/questions/${flagged.id}/flag`, { body: { reason: `in ${region}` } });
    await eventually(() => expectOk(flag()));
  }
  holders = await makeHolders();
  document = await (await call("GET", "/openapi.json", { token: null })).json();
});

function question(region: string, x0: number) {
  return { instance: { region, x0, x1: 1, x2: 1, x3: 1 } };
}

async function issue(order: Omit<TokenOrder, "id">, id: string): Promise<string> {
  const response = await expectOk(call("POST", "/v1/tokens", { body: { id, ...order } }));
  return (await response.json<IssuedToken>()).token;
}

async function makeHolders(): Promise<Holder[]> {
  const everything = { models: ["*"], regions: ["*"] };
  const busy = scopes.filter((scope) => scope !== "admin");
  const made: Holder[] = [];
  const add = async (name: string, may: Holder["may"], authorization?: string | null) => {
    const id = `holder-${made.length}`;
    const header = authorization === undefined ? `Bearer ${await issue(may as TokenOrder, id)}` : authorization;
    made.push({ name, may, authorization: header });
    return id;
  };
  for (const scope of scopes) await add(`${scope} alone`, { scopes: [scope], ...everything });
  await add("all scopes but admin", { scopes: busy, ...everything });
  await add("the secret's admin", { scopes: ["admin"], ...everything }, "Bearer admin-token");
  await add("the secret's asker", { scopes: ["ask"], ...everything }, "Bearer ask-token");
  await add("none", null, null);
  await add("an unknown one", null, `Bearer up_app_${"x".repeat(43)}`);
  await add("one of another form", null, "Bearer wrong");
  await add("another scheme", null, "Basic YWRtaW46YWRtaW4=");
  await add("two words", null, "Bearer admin-token admin-token");
  const revoked = await add("a revoked one", { scopes: ["admin"], ...everything });
  await expectOk(call("DELETE", `/v1/tokens/${revoked}`));
  const expired = `Bearer ${await issue({ scopes: ["admin"], expiresAt: 1 }, "expired")}`;
  await add("an expired one", null, expired);
  const kept = await add("the old secret of a rotated one", { scopes: ["ask", "teach"], ...everything });
  await expectOk(call("POST", `/v1/tokens/${kept}/rotate`, { body: { oldValidHours: 1 } }));
  const ended = await add("the ended secret of a rotated one", { scopes: ["admin"], ...everything });
  await expectOk(call("POST", `/v1/tokens/${ended}/rotate`, { body: { oldValidHours: 0 } }));
  for (const one of made) if (/revoked|ended/.test(one.name)) one.may = null;
  await add("limited to a model", { scopes: busy, models: ["scoped"], regions: ["*"] });
  await add("limited to another model", { scopes: busy, models: ["foreign"], regions: ["*"] });
  await add("limited to a region", { scopes: busy, models: ["*"], regions: ["own-r"] });
  await add("an admin of a model", { scopes: ["admin"], models: ["scoped"], regions: ["*"] });
  await add("an admin of a region", { scopes: ["admin"], models: ["*"], regions: ["own-r"] });
  await issue({ scopes: ["ask"] }, "sacrifice");
  return made;
}

/** Bodies that name a model or a region themselves; all others are `{}`. */
const bodies: Readonly<Record<string, (target: Target) => unknown>> = {
  "POST /v1/models/{model}/ask": ({ region }) => ({ questions: [{ ...question(region, 3), region }] }),
  "POST /v1/models/{model}/truths": ({ region }) => ({
    truths: [{ label: "a", question: { ...question(region, 4), region } }],
  }),
  "POST /v1/models/{model}:predict": ({ region }) => ({ instances: [question(region, 5).instance] }),
  "POST /v1/models/{model}/rollback": ({ region }) => ({ region }),
  "POST /v1/systemone": ({ model, region }) => ({
    ...{ model, state: question(region, 6).instance },
    questions: { is: { type: "noul", instructions: "a" } },
  }),
  "POST /v1/decisions": ({ model, region }) => ({
    ...{ model, input: JSON.stringify(question(region, 7).instance) },
    questions: [{ type: "predicate", instructions: "a" }],
  }),
};

interface Request {
  method: string;
  path: string;
  body: unknown;
}

/** Builds the request of an operation about a target. */
function requestOf(method: string, template: string, target: Target): Request {
  const { model, region } = target;
  const isReading = method === "GET";
  const ids: [prefix: string, id: string][] = [
    ["/v1/questions/", isReading ? (questions.get(`${model} ${region}`) as string) : `${model}~${region}~nothing`],
    ["/v1/tokens/", "sacrifice"],
    ["", "a-training"],
  ];
  const id = ids.find(([prefix]) => template.startsWith(prefix))?.[1] as string;
  const sha256 = blobs.get(model) as string;
  const values: Record<string, string> = { model, region, version: "1", sha256, id };
  const path = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] as string));
  const body = isReading ? null : (bodies[`${method} ${template}`]?.(target) ?? {});
  return { method, path, body };
}

/** The status that the declarations demand: 401, 403, or any other below 500 ("passes"). */
function expected({ may }: Holder, operation: Operation, request: Request, target: Target): 401 | 403 | "passes" {
  const scope = operation["x-scope"];
  if (scope === "public") return "passes";
  if (may === null) return 401;
  const granted: readonly string[] = may.scopes;
  if (scope !== "any" && !granted.includes(scope) && !granted.includes("admin")) return 403;
  const [allModels, allRegions] = [may.models.includes("*"), may.regions.includes("*")];
  if (operation["x-reach"] === "deployment" && !(allModels && allRegions)) return 403;
  if (operation["x-reach"] === "all-regions" && !allRegions) return 403;
  const named = `${request.path} ${JSON.stringify(request.body)}`;
  if (named.includes(target.model) && !allModels && !may.models.includes(target.model)) return 403;
  if (named.includes(target.region) && !allRegions && !may.regions.includes(target.region)) return 403;
  return "passes";
}

/** Names that a token must not see, unless its request has them. */
function hiddenFrom({ may }: Holder): string[] {
  if (!may) return [];
  const models = may.models.includes("*") ? [] : ["scoped", "foreign"].filter((name) => !may.models.includes(name));
  return [...models, ...(may.regions.includes("*") ? [] : ["their-r"])];
}

async function send({ method, path, body }: Request, authorization: string | null): Promise<[number, string]> {
  const response = await (exports as unknown as { default: Fetcher }).default.fetch(`https://edge.test${path}`, {
    method,
    redirect: "manual",
    headers: authorization === null ? {} : { authorization },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  return [response.status, new TextDecoder().decode(await response.arrayBuffer())];
}

describe("a token without limits sees what others do not", () => {
  it("so that the test below has something to find", async () => {
    const regions = await (await call("GET", "/v1/models/scoped/regions")).text();
    const ladder = await (await call("GET", "/v1/ladder")).text();
    const audit = await (await call("GET", "/v1/audit")).text();
    expect([regions.includes("their-r"), ladder.includes("foreign"), audit.includes("their-r")]).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe("every route of /openapi.json, with each of 26 tokens", () => {
  it("answers as its scope, its reach and the token's limits say, and shows nothing beyond them", async () => {
    expect(holders).toHaveLength(26);
    const operations = Object.entries(document.paths)
      .flatMap(([template, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ template, method: method.toUpperCase(), operation })),
      )
      // What deletes comes last.
      .sort((a, b) => Number(a.method === "DELETE") - Number(b.method === "DELETE"));
    const surprises: string[] = [];
    const seen = { requests: 0, 401: 0, 403: 0, passes: 0 };
    const examine = async (operation: Operation, request: Request, holder: Holder, target: Target) => {
      const wanted = expected(holder, operation, request, target);
      const [status, text] = await send(request, holder.authorization);
      const got = status === 401 || status === 403 ? status : status < 500 ? "passes" : status;
      seen.requests++;
      seen[wanted]++;
      const what = `${request.method} ${request.path} with ${holder.name}`;
      if (got !== wanted) surprises.push(`${what}: ${status} instead of ${wanted}: ${text.slice(0, 200)}`);
      const sent = `${request.path}${JSON.stringify(request.body)}`;
      for (const name of hiddenFrom(holder)) {
        if (!sent.includes(name) && text.includes(name)) surprises.push(`${what} shows '${name}'`);
      }
    };
    for (const { template, method, operation } of operations) {
      const about = new Map(
        targets.toReversed().map((target) => {
          const request = requestOf(method, template, target);
          return [JSON.stringify(request), { request, target }];
        }),
      );
      const requests = [...about.values()].toReversed();
      await Promise.all(
        holders.flatMap((holder) => {
          const some = hiddenFrom(holder).length > 0 ? requests : requests.slice(0, 1);
          return some.map(({ request, target }) => examine(operation, request, holder, target));
        }),
      );
    }
    console.log(
      `${operations.length} routes × ${holders.length} tokens: ${JSON.stringify(seen)}, surprises ${surprises.length}`,
    );
    expect(surprises).toEqual([]);
    expect(operations).toHaveLength(routes.length);
    expect(seen.requests).toBeGreaterThanOrEqual(operations.length * holders.length);
  }, 120_000);
});

describe("a new route", () => {
  const known = new Set([...scopes, "public", "any"]);
  /** Lists what routes fail to declare. */
  function undeclared(all: readonly Route[]): string[] {
    return Object.entries(documentOf(all).paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) => [
        ...(known.has(operation["x-scope"] as never) ? [] : [`${method} ${path}: no scope`]),
        ...(method === "get" || operation["x-audit"] ? [] : [`${method} ${path}: no audit`]),
      ]),
    );
  }

  it("fails here without a scope, and without saying whether the audit log records it", () => {
    expect(undeclared(routes)).toEqual([]);
    const added = { method: "POST", path: "/v1/added", operation: "add", contract: { replies: {} }, handle() {} };
    expect(undeclared([...routes, added as unknown as Route])).toEqual([
      "post /v1/added: no scope",
      "post /v1/added: no audit",
    ]);
  });
});
