import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { bodyMaxBytes, type Problem, problemSchema } from "#core/contract/index.ts";
import { app } from "#edge/app.ts";
import { routes } from "#edge/routes/index.ts";
import { type CallOptions, call, instance, publish } from "../helpers/edge.ts";

const good = { x0: 1, x1: 2, x2: 3, x3: 4, region: "north" };
const token = "ask-token";

beforeAll(async () => {
  await publish({ model: "open" });
});

const refusals: [string, number, string, CallOptions, RegExp][] = [
  ["an unknown model", 404, "nothing", { token, body: { instance: good } }, /model 'nothing'/],
  ["no token", 401, "open", { token: null, body: { instance: good } }, /token/],
  ["a wrong token", 401, "open", { token: "wrong", body: { instance: good } }, /token/],
  ["a token without the model", 403, "open", { token: "narrow-token", body: { instance: good } }, /model 'open'/],
  [
    "a token without the region",
    403,
    "open",
    { token: "north-token", body: { instance: { ...good, region: "south" } } },
    /region 'south'/,
  ],
  ["broken JSON", 400, "open", { token, raw: '{"instance":' }, /broken JSON/],
  ["an empty body", 400, "open", { token, raw: "" }, /empty body/],
  ["a body too large", 413, "open", { token, raw: `"${"x".repeat(bodyMaxBytes)}"` }, /4194304 bytes/],
  ["an unknown field", 422, "open", { token, body: { instance: good, colour: 1 } }, /colour/],
  ["values without the wrapper", 422, "open", { token, body: { temperature: 3 } }, /wrap the question's values as/],
  ["a body without a question", 422, "open", { token, body: {} }, /exactly one of/],
  ["no column at all", 422, "open", { token, body: { instance: { x9: 1 } } }, /x0 is required: a number/],
  ["a wrong type", 422, "open", { token, body: { instance: { ...good, x1: "two" } } }, /x1 must be a finite number/],
  ["a number beyond float32", 422, "open", { token, body: { instance: { ...good, x1: 1e39 } } }, /x1/],
  ["NaN, which is not JSON", 400, "open", { token, raw: '{"instance":{"x0":NaN}}' }, /broken JSON/],
  ["a wrong shape", 422, "open", { token, body: { instance: [1, 2, 3, 4] } }, /named columns/],
  [
    "one bad question of a batch",
    422,
    "open",
    { token, body: { instances: [good, { ...good, x2: true }] } },
    /question 1, x2/,
  ],
  [
    "an id of another model",
    422,
    "open",
    { token, body: { questions: [{ id: "other~north~1", instance: good }] } },
    /id/,
  ],
  [
    "an unlisted region",
    422,
    "open",
    { token, body: { questions: [{ region: "moon", instance: good }] } },
    /north, south, world/,
  ],
  ["data time without admin", 403, "open", { token, body: { questions: [{ instance: good, at: 1 }] } }, /admin/],
  ["a trace without admin", 403, "open", { token, body: { instance: good, trace: true } }, /admin/],
  ["a loop", 508, "open", { token: "rung-token", body: { instance: good, via: ["edge"] } }, /edge → edge/],
  [
    "too many nodes",
    508,
    "open",
    { token: "rung-token", body: { instance: good, via: ["1", "2", "3", "4", "5", "6", "7", "8"] } },
    /8 at most/,
  ],
];

describe("bad input", () => {
  it.each(refusals)("%s returns a problem document and stores nothing", async (_, status, model, options, detail) => {
    const before = await stored();
    const response = await call("POST", `/v1/models/${model}/ask`, options);
    const problem: Problem = await response.json();
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(problemSchema.parse(problem)).toEqual(problem);
    expect(problem).toMatchObject({ status, operation: "ask" });
    expect(problem.next).not.toBe("");
    expect(JSON.stringify(problem)).toMatch(detail);
    expect(JSON.stringify(problem)).not.toContain("token-");
    expect(await stored()).toEqual(before);
  });

  it("creates no Durable Object for unknown names", async () => {
    const before = await stored();
    for (const id of ["open~moon~1", "nothing~north~1", "Not A Model~north~1", `${"x".repeat(300)}~north~1`]) {
      const path = `/v1/questions/${encodeURIComponent(id)}`;
      expect((await call("GET", path, { token })).status).toBe(404);
      const truth = { label: "a", instance: good };
      expect((await call("POST", `${path}/truth`, { body: truth })).status).toBe(404);
    }
    const truths = [{ id: "open~moon~1", label: "a" }];
    expect((await call("POST", "/v1/models/open/truths", { body: { truths } })).status).toBe(422);
    expect(await stored()).toEqual(before);
  });

  it("is rejected in a true label", async () => {
    const path = "/v1/questions/open~north~unheard/truth";
    const teach = (body: object) => call("POST", path, { token: "teach-token", body });
    expect((await teach({ label: "a" })).status).toBe(422);
    expect((await teach({ label: "z", instance: good })).status).toBe(422);
    expect((await teach({ label: "a", instance: good, at: 1 })).status).toBe(403);
    expect((await call("POST", path, { token, body: { label: "a" } })).status).toBe(403);
  });
});

describe("every route", () => {
  it("requires its scope", async () => {
    for (const route of routes) {
      // A parameter, and what must follow it in the same part of the path.
      const path = route.path.replace(/:\w+(?:\{\[\^\/\]\+(:\w+)\})?/g, "x$1");
      const { status } = await call(route.method, path, { token: null });
      expect([route.path, status < 400]).toEqual([route.path, route.scope === "public"]);
      if (route.scope !== "public") expect([route.path, status]).toEqual([route.path, 401]);
    }
    expect((await call("GET", "/v1/models/open/regions", { token })).status).toBe(403);
    expect((await call("POST", "/v1/models/open/rollout", { token, body: { version: 1 } })).status).toBe(403);
  });

  it("returns 405 with the allowed methods for another method", async () => {
    const response = await call("GET", "/v1/models/open/rollout");
    expect(response.status).toBe(405);
    expect(problemSchema.parse(await response.json())).toMatchObject({ title: "Method not allowed", expected: "POST" });
  });

  it("returns a problem document for an unknown path", async () => {
    const response = await call("GET", "/v2/nothing");
    expect(response.status).toBe(404);
    expect(problemSchema.parse(await response.json()).next).toContain("/docs");
  });
});

describe("PUBLIC_ASK", () => {
  it("allows ask without a token, and nothing else", async () => {
    const open = { ...env, PUBLIC_ASK: "on" } as Env;
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const request = (path: string, init?: RequestInit) =>
      app.fetch(new Request(`https://edge.test${path}`, init), open, context);
    const body = JSON.stringify({ instance: instance() });
    expect((await request("/v1/models/open/ask", { method: "POST", body })).status).toBe(202);
    expect(
      (await request("/v1/models/open/ask", { method: "POST", body, headers: { authorization: "Bearer x" } })).status,
    ).toBe(401);
    expect((await request("/v1/models/open/regions")).status).toBe(401);
  });
});

describe("invalid settings", () => {
  it("are named in the log but not in the response", async () => {
    const broken = { ...env, NODE_ID: "unreadable", PUBLISH_KEYS: '{"secret' } as Env;
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const response = await app.fetch(new Request("https://edge.test/v1/models"), broken, context);
    expect(response.status).toBe(500);
    expect(problemSchema.parse(await response.json()).detail).not.toContain("PUBLISH_KEYS");
  });
});

describe("ALLOWED_ORIGINS", () => {
  it("allows browsers to ask from these origins only", async () => {
    const open = { ...env, ALLOWED_ORIGINS: "https://shop.example, https://b.example" } as Env;
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const preflight = (origin: string, bindings: Env) => {
      const headers = {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      };
      const request = new Request("https://edge.test/v1/models/open/ask", { method: "OPTIONS", headers });
      return app.fetch(request, bindings, context);
    };
    const allowed = await preflight("https://shop.example", open);
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([204, "https://shop.example"]);
    expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization");
    expect((await preflight("https://evil.example", open)).headers.get("access-control-allow-origin")).toBeNull();
    expect((await preflight("https://shop.example", env as Env)).status).toBe(405);
  });
});

async function stored(): Promise<number> {
  return (await listDurableObjectIds(env.REGION)).length;
}
