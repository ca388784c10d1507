import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { checksSchema, type IssuedToken, type TokenRecord, type Tokens, tokenIdSchema } from "#core/contract/index.ts";
import { app } from "#edge/app.ts";
import { tokensObject } from "#objects/stubs.ts";
import { call, expectOk, instance, publish } from "../helpers/edge.ts";

const start = Date.UTC(2026, 10, 20, 12);
let n = 0;

/** Another isolate of the edge: its own memory, the same objects. `object` replaces the tokens' object (a double). */
class Isolate {
  readonly id = `isolate-${n++}`;
  private readonly bindings: Env;
  private readonly pending: Promise<unknown>[] = [];
  reads = 0;

  constructor(object: (() => Promise<unknown>) | null = null) {
    const real = tokensObject(env);
    const counted = {
      record: (...given: Parameters<typeof real.record>) => real.record(...given),
      sync: (...given: Parameters<typeof real.sync>) => {
        this.reads++;
        return this.double ? this.double() : real.sync(...given);
      },
    };
    this.double = object;
    const TOKENS = { idFromName: () => null, get: () => counted };
    this.bindings = { ...env, NODE_ID: this.id, TOKENS } as unknown as Env;
  }

  double: (() => Promise<unknown>) | null;

  async get(token: string, path = "/v1/token"): Promise<Response> {
    const context = {
      waitUntil: (work: Promise<unknown>) => void this.pending.push(work),
      passThroughOnException() {},
    };
    const headers = { authorization: `Bearer ${token}` };
    const request = new Request(`https://edge.test${path}`, { headers });
    return app.fetch(request, this.bindings, context as unknown as ExecutionContext);
  }

  async status(token: string, path?: string): Promise<number> {
    return (await this.get(token, path)).status;
  }

  /** Waits for what continues after the responses. */
  async settled(): Promise<void> {
    while (this.pending.length > 0) await this.pending.shift();
  }
}

async function create(id: string, order: object = {}): Promise<IssuedToken> {
  const body = { id: `${id}-${n++}`, scopes: ["ask"], ...order };
  return (await expectOk(call("POST", "/v1/tokens", { body }))).json();
}

beforeAll(async () => {
  await publish({ model: "issued", threshold: 0 });
});
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: start }));
afterEach(() => void vi.useRealTimers());

describe("an issued token", () => {
  it("works at once, shows its secret once, and does what it was given", async () => {
    const { token, record } = await create("app", { scopes: ["ask", "teach"], models: ["issued"], regions: ["north"] });
    expect(token).toMatch(/^up_app-\d+_[\w-]{43}$/);
    expect(record).toMatchObject({ trusted: false, limits: {}, lastUsedAt: null, revokedAt: null, expiresAt: null });
    const asked = await call("POST", "/v1/models/issued/ask", { token, body: { instance: instance() } });
    expect(asked.status).toBe(200);
    const elsewhere = { instance: instance(0, "south") };
    expect((await call("POST", "/v1/models/issued/ask", { token, body: elsewhere })).status).toBe(403);
    const listed = await (await call("GET", "/v1/tokens")).text();
    expect(listed).toContain(record.id);
    expect(listed).not.toContain(token.slice(-43));
    await expectOk(call("POST", `/v1/tokens/${record.id}`, { body: { regions: ["south"], trusted: true } }));
    expect((await call("POST", "/v1/models/issued/ask", { token, body: elsewhere })).status).toBe(200);
  });

  it("is rotated without a gap", async () => {
    const { token, record } = await create("rotated");
    const next = await expectOk(call("POST", `/v1/tokens/${record.id}/rotate`, { body: { oldValidHours: 2 } }));
    const { token: other } = await next.json<IssuedToken>();
    const edge = new Isolate();
    expect([await edge.status(token), await edge.status(other)]).toEqual([200, 200]);
    expect((await (await edge.get(other)).json<{ id: string }>()).id).toBe(record.id);
    vi.setSystemTime(start + 2 * 3600_000);
    expect([await edge.status(token), await edge.status(other)]).toEqual([401, 200]);
  });

  it.each(["public", "a/b", "", "-x", "a b", "x".repeat(65), "up:1"])("may not be named '%s'", (id) => {
    expect(tokenIdSchema.safeParse(id).success).toBe(false);
  });

  it("says why it is refused", async () => {
    const { record } = await create("taken");
    const status = async (method: string, path: string, body: object = {}) =>
      (await call(method, path, { body })).status;
    expect(await status("POST", "/v1/tokens", { id: record.id, scopes: ["ask"] })).toBe(409);
    expect(await status("POST", "/v1/tokens", { id: "x", scopes: ["everything"] })).toBe(422);
    expect(await status("POST", "/v1/tokens", { id: "x", scopes: ["ask"], models: ["A b"] })).toBe(422);
    expect(await status("POST", "/v1/tokens/nobody/rotate")).toBe(404);
    expect(await status("DELETE", `/v1/tokens/${record.id}`)).toBe(200);
    expect(await status("POST", `/v1/tokens/${record.id}`, { trusted: true })).toBe(409);
  });

  it("is made by an admin of all models and regions alone", async () => {
    const limited = await create("limited-admin", { scopes: ["admin"], models: ["issued"] });
    for (const [method, path] of [
      ["GET", "/v1/tokens"],
      ["POST", "/v1/tokens"],
      ["DELETE", "/v1/tokens/app"],
      ["GET", "/v1/audit"],
    ] as const) {
      const body = method === "POST" ? { body: { id: "more", scopes: ["admin"] } } : {};
      expect((await call(method, path, { token: limited.token, ...body })).status).toBe(403);
    }
  });
});

describe("a revocation", () => {
  it("takes effect within 30 s in a busy isolate, which waits for no read", async () => {
    const { token, record } = await create("busy");
    const edge = new Isolate();
    expect(await edge.status(token)).toBe(200);
    await edge.settled();
    await expectOk(call("DELETE", `/v1/tokens/${record.id}`));
    const statuses: number[] = [];
    for (let second = 1; second <= 30; second++) {
      vi.setSystemTime(start + second * 1_000);
      statuses.push(await edge.status(token));
      await edge.settled();
    }
    expect(statuses.slice(0, 19)).toEqual(new Array(19).fill(200));
    expect(statuses.at(-1)).toBe(401);
    // The first read, one with the use, one in the background; then one every two seconds, for a token that may be new.
    expect(edge.reads).toBeLessThan(10);
  });

  it("takes effect with the next request of an isolate that was idle", async () => {
    const { token, record } = await create("idle");
    const edge = new Isolate();
    expect(await edge.status(token)).toBe(200);
    await expectOk(call("DELETE", `/v1/tokens/${record.id}`));
    vi.setSystemTime(start + 30_000);
    expect(await edge.status(token)).toBe(401);
  });

  it("takes effect, and a new token works, where the clock was put back by ten minutes", async () => {
    const { token, record } = await create("early");
    const edge = new Isolate();
    expect(await edge.status(token)).toBe(200);
    await edge.settled();
    vi.setSystemTime(start - 600_000);
    const { token: later } = await create("later");
    expect(await edge.status(later)).toBe(200);
    await edge.settled();
    await expectOk(call("DELETE", `/v1/tokens/${record.id}`));
    vi.setSystemTime(start - 570_000);
    expect(await edge.status(token)).toBe(401);
  });
});

describe("the edge's copy of the tokens", () => {
  const never = () => new Promise<never>(() => {});
  const failing = () => Promise.reject(new Error("away"));

  it("delays no known token while it is read, and lets unknown ones cause few reads", async () => {
    const { token } = await create("undelayed");
    const edge = new Isolate();
    expect(await edge.status(token)).toBe(200);
    edge.double = never;
    vi.setSystemTime(start + 22_000);
    const reads = edge.reads;
    let longestMs = 0;
    for (let i = 0; i < 100; i++) {
      const began = performance.now();
      expect(await edge.status(token)).toBe(200);
      longestMs = Math.max(longestMs, performance.now() - began);
    }
    // The read that hangs is given up after two seconds: a request that waited for it would take as long.
    expect(longestMs).toBeLessThan(1_900);
    expect(edge.reads - reads).toBe(1);
    // Many unknown tokens within one moment, each of the right form.
    edge.double = null;
    vi.setSystemTime(start + 26_000);
    const before = edge.reads;
    const unknown = Array.from({ length: 200 }, (_, i) => `up_x_${String(i).padStart(43, "0")}`);
    expect(new Set(await Promise.all(unknown.map((one) => edge.status(one))))).toEqual(new Set([401]));
    expect(edge.reads - before).toBe(1);
    // Of another form: none at all.
    vi.setSystemTime(start + 29_000);
    expect(await edge.status("guess")).toBe(401);
    expect(edge.reads - before).toBe(1);
  });

  it("serves for an hour while the object can't be reached; the log and the doctor say so", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const { token } = await create("kept");
    const edge = new Isolate();
    expect(await edge.status(token)).toBe(200);
    edge.double = failing;
    vi.setSystemTime(start + 59 * 60_000);
    expect([await edge.status(token), await edge.status(token)]).toEqual([200, 200]);
    expect(logged.mock.calls.flat().join()).toContain('"tokens-unreachable","copyAgeMs":3540000');
    // A token that the copy does not have may be new.
    expect(await edge.status(`up_x_${"1".repeat(43)}`)).toBe(503);
    const { findings } = checksSchema.parse(await (await edge.get("admin-token", "/v1/checks")).json());
    const finding = findings.find(({ check }) => check === "issued tokens");
    expect(finding).toMatchObject({ isSound: false, found: expect.stringContaining("serves for 1 more minutes") });
    vi.setSystemTime(start + 61 * 60_000);
    const refused = await edge.get(token);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(await edge.status("ask-token")).toBe(200);
    edge.double = null;
    vi.setSystemTime(start + 62 * 60_000);
    expect(await edge.status(token)).toBe(200);
    await edge.settled();
    logged.mockRestore();
  });

  it("needs no object for the tokens of the secret, and bounds the wait of others in a cold isolate", async () => {
    const { token } = await create("cold");
    const edge = new Isolate(never);
    expect([await edge.status("ask-token"), edge.reads]).toEqual([200, 0]);
    const began = performance.now();
    expect(await edge.status(token)).toBe(503);
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  it("sends the hour of a last use in batches", async () => {
    const { token, record } = await create("used");
    const edge = new Isolate();
    for (let i = 0; i < 20; i++) expect(await edge.status(token)).toBe(200);
    await edge.settled();
    expect(edge.reads).toBe(2);
    let found: TokenRecord | undefined;
    for (let after: string | null = ""; after !== null && !found; ) {
      const page: Tokens = await (await call("GET", `/v1/tokens?after=${after}`)).json();
      found = page.tokens.find(({ id }) => id === record.id);
      after = page.next;
    }
    expect(found?.lastUsedAt).toBe(start);
  });
});
