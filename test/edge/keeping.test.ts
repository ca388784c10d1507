import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { app } from "#edge/app.ts";
import { idleQueue, type KeepQueue, keepTogether } from "#edge/ladder/keeping.ts";
import type { KeepCall } from "#objects/region/api.ts";
import { call, instance, publish } from "#test/helpers/edge.ts";

const model = "kept-together";
const tokens = ["ask-token", "other-token", "teach-token", "slow-token"];
let nodes = 0;

beforeAll(async () => {
  await publish({ model, threshold: 0, policy: { keep: "all" } });
});

/** An edge whose calls to regions are counted, and changed by `change`. */
function edgeWith(change: (method: string, send: (...values: unknown[]) => Promise<unknown>) => unknown) {
  const calls: string[] = [];
  const namespace = env.REGION as unknown as DurableObjectNamespace;
  const get = (name: string) => {
    const real = namespace.get(namespace.idFromName(name)) as unknown as Record<
      string,
      (...v: unknown[]) => Promise<unknown>
    >;
    return new Proxy(
      {},
      {
        get: (_, method: string) => {
          calls.push(method);
          return change(method, (...values) => (real[method] as (...v: unknown[]) => Promise<unknown>)(...values));
        },
      },
    );
  };
  const REGION = { idFromName: (name: string) => name, get };
  const bindings = { ...env, REGION, NODE_ID: `keeping-${nodes++}` } as unknown as Env;
  const ask = async (token: string, id: number) => {
    const context = { waitUntil: (work: Promise<unknown>) => void work.catch(() => {}), passThroughOnException() {} };
    const headers = { authorization: `Bearer ${token}`, "idempotency-key": `${bindings.NODE_ID}-${id}` };
    const body = JSON.stringify({ instance: instance(id) });
    const request = new Request(`https://edge.test/v1/models/${model}/ask`, { method: "POST", headers, body });
    return app.fetch(request, bindings, context as unknown as ExecutionContext);
  };
  return { calls, ask };
}

async function askMany(ask: (token: string, id: number) => Promise<Response>, count: number) {
  const asked = Array.from({ length: count }, (_, i) => ({ token: tokens[i % 3] as string, i }));
  return Promise.all(
    asked.map(async ({ token, i }) => {
      const response = await ask(token, i);
      expect(response.status).toBe(200);
      return { token, answer: await response.json<Answer>() };
    }),
  );
}

async function expectOwned(all: { token: string; answer: Answer }[]): Promise<void> {
  for (const { token, answer } of all) {
    const statuses = await Promise.all(
      tokens.map(
        async (one) => (await call("GET", `/v1/questions/${encodeURIComponent(answer.id)}`, { token: one })).status,
      ),
    );
    expect(statuses).toEqual(tokens.map((one) => (one === token ? 200 : 404)));
  }
}

describe("questions that are kept at once", () => {
  it("leave the isolate in few calls, and each stays its owner's", async () => {
    const { calls, ask } = edgeWith((_, send) => send);
    const all = await askMany(ask, 24);
    expect(calls.length).toBeLessThanOrEqual(8);
    expect(calls).toContain("keepEach");
    await expectOwned(all);
  });

  it("are answered only once the call that stores them has returned", async () => {
    const stored: string[] = [];
    const { ask } = edgeWith((method, send) => async (base: number, ...rest: unknown[]) => {
      const reply = await send(base, ...rest);
      await scheduler.wait(20);
      const calls = method === "keep" ? [{ incoming: rest[0] }] : (rest[0] as { incoming: unknown }[]);
      for (const { incoming } of calls)
        stored.push(...(incoming as { question: { id: string } }[]).map(({ question }) => question.id));
      return reply;
    });
    await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const { id } = await (await ask("ask-token", i)).json<Answer>();
        expect(stored).toContain(id);
      }),
    );
  });

  it("fail together where the region does not answer, and are kept by a later call", async () => {
    let isDown = true;
    const { ask } = edgeWith((_, send) => async (...values: unknown[]) => {
      await scheduler.wait(1);
      if (isDown) throw new Error("Network connection lost.");
      return send(...values);
    });
    const refused = await Promise.all(Array.from({ length: 8 }, (_, i) => ask("ask-token", i)));
    expect(refused.map(({ status }) => status)).toEqual(new Array(8).fill(503));
    isDown = false;
    await expectOwned(await askMany(ask, 8));
  });

  it("are kept one by one by an object of the release before", async () => {
    const { calls, ask } = edgeWith((method, send) => {
      if (method === "keep") return send;
      return async () => Promise.reject(new TypeError(`The RPC receiver does not implement the method "${method}".`));
    });
    const all = await askMany(ask, 9);
    expect(calls).toContain("keepEach");
    await expectOwned(all);
  });

  it("fail alone where one of them can't be stored", async () => {
    const bad = JSON.stringify(instance(3));
    const isBad = (incoming: unknown) =>
      (incoming as { question: { instance: unknown } }[]).some(
        ({ question }) => JSON.stringify(question.instance) === bad,
      );
    const { calls, ask } = edgeWith((method, send) => async (base: number, ...rest: unknown[]) => {
      await scheduler.wait(2);
      const sent = method === "keep" ? [rest[0]] : (rest[0] as { incoming: unknown }[]).map(({ incoming }) => incoming);
      if (sent.some(isBad)) throw new Error("this row is too large");
      return send(base, ...rest);
    });
    const statuses = await Promise.all(Array.from({ length: 9 }, async (_, i) => (await ask("ask-token", i)).status));
    expect(calls).toContain("keepEach");
    expect(statuses.map((status) => status === 200)).toEqual(statuses.map((_, i) => i !== 3));
  });

  it("are not sent for a request that was abandoned", async () => {
    const callOf = (id: number) => ({ incoming: [{ question: { id } }], hop: {} }) as unknown as KeepCall;
    const old = { ...callOf(1), bytes: 1, since: Date.now() - 60_000, isTaken: false, outcome: null };
    const queue: KeepQueue = { ...idleQueue(), flightUntil: Date.now() + 5_000, waiting: [old] };
    const sent: unknown[] = [];
    const keep = async (_: number, incoming: unknown) => void sent.push(incoming);
    const stub = { keep, keepEach: keep } as unknown as Parameters<typeof keepTogether>[3];
    await keepTogether(queue, { base: 1, later: () => {} }, callOf(2), stub);
    expect(sent).toEqual([callOf(2).incoming]);
    expect(queue.waiting).toEqual([]);
  });
});
