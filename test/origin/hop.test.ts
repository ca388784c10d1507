import { describe, expect, it } from "vitest";
import { viaMaxRungs } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { createApp, type OriginOptions } from "#origin/app.ts";

const question = { id: "shop~north~1", region: "north", instance: { x0: 1 }, at: 0 };

interface Seen {
  owner: string;
  remainingMs: number;
  via: string[];
  trace: boolean;
  traceparent?: string;
}

/** An origin whose model answers as the test says. */
async function origin(answer: (hop: Seen) => Promise<unknown[]> = async () => []) {
  const logged: Record<string, unknown>[] = [];
  const token = async (id: string, scope: "ask" | "review") => ({
    ...{ id, sha256: await sha256Hex(id), scopes: [scope], models: ["*"], regions: ["*"] },
  });
  const models = {
    list: () => [{ model: "shop", version: 3 }],
    rung: async () => ({ choosable: ["a", "b"], ask: (_: unknown, hop: Seen) => answer(hop) }),
  } as unknown as OriginOptions["models"];
  const tokens = [await token("edge", "ask"), await token("reviewer", "review")];
  const app = createApp({ nodeId: "origin", tokens, models, training: null, log: (event) => logged.push(event) });
  const ask = async (body: object, bearer: string | null = "edge", headers: Record<string, string> = {}) =>
    app.request("/v1/models/shop/ask", {
      method: "POST",
      headers: { ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }), ...headers },
      body: JSON.stringify({ questions: [question], ...body }),
    });
  return { app, ask, logged };
}

describe("a hop to the origin", () => {
  it("passes on the owner, the remaining time, `via` and the trace flag", async () => {
    const seen: Seen[] = [];
    const { ask } = await origin(async (hop) => {
      seen.push(hop);
      return [{ answer: { id: question.id } }];
    });
    const response = await ask({ via: ["edge"], remainingMs: 4_321, trace: true });
    expect(await response.json()).toEqual({ answers: [{ id: question.id }] });
    const passedOn = { owner: "edge", remainingMs: 4_321, via: ["edge", "origin"], trace: true };
    expect(seen).toEqual([{ ...passedOn, traceparent: expect.stringMatching(/^00-\w{32}-\w{16}-00$/) }]);
  });

  it("logs question and answer in the caller's trace", async () => {
    const seen: Seen[] = [];
    const answer = {
      ...{ id: question.id, status: "answered", rung: "origin", accepted: true, version: "3" },
      label: "a",
    };
    const { ask, logged } = await origin(async (hop) => {
      seen.push(hop);
      return [{ answer }];
    });
    const [trace, parent] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    await ask({}, "edge", { traceparent: `00-${trace}-${parent}-01` });
    const span = seen[0]?.traceparent?.split("-")[2];
    const line = { rung: "origin", model: "shop", region: "north", trace, span, parent, question: question.id };
    const outcome = { status: "answered", by: "origin", accepted: true, version: "3" };
    expect(logged).toEqual([
      { event: "asked", ...line },
      { event: "answered", ...line, ms: expect.any(Number), ...outcome },
    ]);
    expect(span).not.toBe(parent);
  });

  it("returns 401 without a token and 403 without scope ask", async () => {
    const { ask } = await origin();
    const none = await ask({}, null);
    expect([none.status, none.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="upriver"']);
    const other = await ask({}, "reviewer");
    expect([other.status, await other.text()]).toEqual([403, expect.stringContaining("scope 'ask'")]);
  });

  it("returns 508 beyond the limit of via", async () => {
    const { ask } = await origin();
    const via = (n: number) => Array.from({ length: n }, (_, i) => `node-${i}`);
    expect((await ask({ via: via(viaMaxRungs - 1) })).status).toBe(200);
    expect((await ask({ via: via(viaMaxRungs) })).status).toBe(508);
  });

  it("returns 504 when the answer takes longer than the remaining time", async () => {
    const { ask } = await origin(() => new Promise((resolve) => setTimeout(resolve, 30, [])));
    expect((await ask({ remainingMs: 1 })).status).toBe(504);
  });

  it("returns 500 without internals for an unexpected error, and logs the error", async () => {
    const { ask, logged } = await origin(() => Promise.reject(new Error("the inside")));
    const response = await ask({});
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("the inside");
    expect(JSON.stringify(logged)).toContain("the inside");
  });
});

describe("the origin's health", () => {
  it("is public, and names no model", async () => {
    const { app } = await origin();
    expect(await (await app.request("/healthz")).json()).toEqual({ status: "ok", node: "origin" });
    expect(await (await app.request("/readyz")).json()).toEqual({ status: "ready", node: "origin" });
  });
});
