import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type ServerType, serve } from "@hono/node-server";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { bodyMaxBytes, problemSchema } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { HttpRung } from "#core/rung/http-rung.ts";
import { createApp } from "#origin/app.ts";
import { BlobCache } from "#origin/blob-cache.ts";
import { readConfig } from "#origin/config.ts";
import { FullModels } from "#origin/models.ts";
import { testRung } from "../core/rung/rung.suite.ts";
import { type TestModel, testModel } from "../helpers/model.ts";

let model: TestModel;
let url: string;
let folder: string;
let fetched: string[] = [];
let asked = 0;

/** The routes of an edge that an origin needs, over HTTP. */
async function startUpstream(): Promise<string> {
  const app = new Hono();
  app.get("/v1/models/shop", (context) => context.json({ model: "shop", pointer: { stable: 1 } }));
  app.get("/v1/models/shop/manifest", (context) => context.json(model.manifest));
  app.get("/v1/blobs/:sha256", (context) => {
    fetched.push(context.req.param("sha256"));
    return context.body(model.blobs.get(context.req.param("sha256")) as Uint8Array<ArrayBuffer>);
  });
  app.notFound((context) =>
    context.json(
      { type: "x", title: "Not found", status: 404, detail: "None.", operation: "x", next: "Publish." },
      404,
    ),
  );
  return listen(app);
}

async function listen(app: Hono): Promise<string> {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address() as AddressInfo;
      probe.close(() => resolve(free));
    });
  });
  servers.push(serve({ fetch: app.fetch, hostname: "127.0.0.1", port }));
  return `http://127.0.0.1:${port}`;
}
const servers: ServerType[] = [];

/** The models of an origin whose disk is a folder. */
function modelsOf(client: UpriverClient, disk: string): FullModels {
  return new FullModels(client, new BlobCache(client, join(disk, "blobs")));
}

beforeAll(async () => {
  model = await testModel({ fullThreshold: 0 });
  folder = await mkdtemp(join(tmpdir(), "upriver-origin-"));
  const models = modelsOf(new UpriverClient({ url: await startUpstream(), tries: 1 }), folder);
  const tokens = [
    { id: "edge", sha256: await sha256Hex("hop-token"), scopes: ["ask" as const], models: ["*"], regions: ["*"] },
    { id: "other", sha256: await sha256Hex("other-token"), scopes: ["ask" as const], models: ["else"], regions: ["*"] },
  ];
  url = await listen(createApp({ nodeId: "origin", tokens, models, training: null, log: () => {} }));
});
afterAll(() => {
  for (const server of servers) server.close();
});

function questions(n: number) {
  return Array.from({ length: n }, () => {
    asked++;
    return {
      id: `shop~north~${asked}`,
      region: "north",
      instance: { region: "north", x0: asked % 7, x1: 1, x2: 0, x3: null },
      at: 0,
    };
  });
}

function post(
  body: unknown,
  { token = "hop-token", path = "/v1/models/shop/ask", headers = {} as object } = {},
): Promise<Response> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  return fetch(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: isRaw ? (body as BodyInit) : JSON.stringify(body),
  });
}

testRung("the origin over HTTP", false, async () => ({
  rung: new HttpRung({
    ...{ name: "origin", model: "shop", url, token: "hop-token", timeoutMs: 5_000 },
    ...{ labels: ["a", "b", "c"], isLabel: (label) => ["a", "b", "c"].includes(label) },
  }),
  questions,
  hop: { owner: "edge", remainingMs: 5_000, via: ["edge"], trace: false },
}));

describe("the origin", () => {
  it.each<[string, number, unknown, object, RegExp]>([
    ["a wrong token", 401, { questions: questions(1) }, { token: "x" }, /token/],
    ["a token without the model", 403, { questions: questions(1) }, { token: "other-token" }, /model 'shop'/],
    ["broken JSON", 400, "{", {}, /JSON/],
    ["an unknown model", 404, { questions: questions(1) }, { path: "/v1/models/nothing/ask" }, /nothing/],
    [
      "a wrong column",
      422,
      { questions: [...questions(1), { ...questions(1)[0], instance: { x9: 1 } }] },
      {},
      /"index":1/,
    ],
    ["an incomplete question", 422, { questions: [{ instance: { x0: 1 } }] }, {}, /"path":"id"/],
    ["a body too large", 413, "x".repeat(bodyMaxBytes + 1), {}, /4194304/],
    ["a loop", 508, { questions: questions(1), via: ["origin"] }, {}, /origin → origin/],
    ["one id twice", 422, { questions: Array(2).fill(questions(1)[0]) }, {}, /"index":1.*only once/],
    ["a path for a model", 404, {}, { path: "/v1/models/..%2F..%2Fetc/ask" }, /no model/],
    ["an encoding that it does not know", 415, {}, { headers: { "content-encoding": "br" } }, /gzip, deflate/],
    ["a body that is not of its encoding", 400, {}, { headers: { "content-encoding": "gzip" } }, /decode/],
    ["another route", 404, {}, { path: "/v1/other" }, /route/],
  ])("refuses %s with a problem document", async (_, status, body, options, text) => {
    const response = await post(body, options);
    const document = await response.text();
    expect([response.status, response.headers.get("content-type")]).toEqual([status, "application/problem+json"]);
    expect(problemSchema.parse(JSON.parse(document)).status).toBe(status);
    expect(document).toMatch(text);
  });

  it("reads a compressed body within its limit", async () => {
    const headers = { "content-encoding": "gzip" };
    expect((await post(gzipSync(JSON.stringify({ questions: questions(1) })), { headers })).status).toBe(200);
    expect((await post(gzipSync(Buffer.alloc(16 * bodyMaxBytes)), { headers })).status).toBe(413);
  });

  it("names the methods that a route supports", async () => {
    for (const [path, allow] of [
      ["/healthz", "GET, HEAD"],
      ["/v1/models/shop/ask", "POST"],
    ] as const) {
      const response = await fetch(url + path, { method: "DELETE" });
      expect([path, response.status, response.headers.get("allow")]).toEqual([path, 405, allow]);
      expect(problemSchema.parse(await response.json()).title).toBe("Method not allowed");
    }
  });

  it("fetches its models through the edge when its disk is empty or a blob is damaged", async () => {
    fetched = [];
    const client = new UpriverClient({ url: await startUpstream() });
    const disk = await mkdtemp(join(tmpdir(), "upriver-origin-"));
    await modelsOf(client, disk).rung("shop");
    expect(fetched).toHaveLength(3);
    await modelsOf(client, disk).rung("shop");
    expect(fetched).toHaveLength(3);
    const [name = ""] = await readdir(join(disk, "blobs"));
    await writeFile(join(disk, "blobs", name), "nonsense");
    await modelsOf(client, disk).rung("shop");
    expect(fetched.slice(3)).toEqual([name]);
  });

  it("looks a model up once for concurrent questions", async () => {
    fetched = [];
    const models = modelsOf(
      new UpriverClient({ url: await startUpstream() }),
      await mkdtemp(join(tmpdir(), "upriver-origin-")),
    );
    await Promise.all(Array.from({ length: 5 }, () => models.rung("shop")));
    expect(fetched).toHaveLength(3);
  });
});

describe("the origin's settings", () => {
  it("name the variable that is missing or invalid, and not its secret", () => {
    expect(() => readConfig({})).toThrow(/ORIGIN_TOKENS, EDGE_URL, EDGE_TOKEN, SIGNING_KEY/);
    const good = {
      ORIGIN_TOKENS: "[]",
      EDGE_URL: "http://127.0.0.1:1",
      EDGE_TOKEN: "t",
      SIGNING_KEY: '{"keyId":"a","pkcs8":"b"}',
    };
    expect(readConfig(good)).toMatchObject({ port: 8788, host: "127.0.0.1", recipe: null });
    expect(() => readConfig({ ...good, SIGNING_KEY: "my-secret" })).toThrow(/SIGNING_KEY/);
    expect(() => readConfig({ ...good, SIGNING_KEY: "my-secret" })).not.toThrow(/my-secret/);
    expect(() => readConfig({ ...good, ORIGIN_PORT: "many" })).toThrow(/ORIGIN_PORT/);
  });
});
