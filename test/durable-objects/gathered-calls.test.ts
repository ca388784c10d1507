import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { GatheredCalls } from "#objects/region/answering/gathered-calls.ts";
import { RungHealth } from "#objects/region/answering/rung-health.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";

/** Calls that end when the test says so. */
function underHand(atOnce: number) {
  const calls: { items: readonly number[]; end: () => void; fail: () => void }[] = [];
  const gathered = new GatheredCalls<number, string>({ atOnce, gatherMs: 5 });
  const asked = (key: string, ...items: number[]) =>
    gathered.ask(key, items, (all) => {
      const { promise, resolve, reject } = Promise.withResolvers<string[]>();
      const end = () => resolve(all.map((item) => `${key}${item}`));
      calls.push({ items: all, end, fail: () => reject(new Error("broken")) });
      return promise;
    });
  const sent = () => calls.map(({ items }) => items);
  return { calls, asked, sent };
}

describe("calls that gather", () => {
  it("begin at once where none is under way, and else travel together", async () => {
    const { calls, asked, sent } = underHand(1);
    const first = asked("a", 1);
    expect(sent()).toEqual([[1]]);
    const others = [asked("a", 2), asked("a", 3, 4)];
    await scheduler.wait(20);
    expect(sent()).toEqual([[1]]);
    calls[0]?.end();
    expect(await first).toEqual({ replies: ["a1"], isShared: false });
    await vi.waitFor(() => expect(sent()).toEqual([[1], [2, 3, 4]]));
    calls[1]?.end();
    expect(await Promise.all(others)).toEqual([
      { replies: ["a2"], isShared: true },
      { replies: ["a3", "a4"], isShared: true },
    ]);
  });

  it("wait for others no longer than some milliseconds while there is room", async () => {
    const { calls, asked, sent } = underHand(2);
    const all = [asked("a", 1), asked("a", 2)];
    await vi.waitFor(() => expect(sent()).toEqual([[1], [2]]));
    for (const one of calls) one.end();
    await Promise.all(all);
  });

  it("go with those of the same key only", async () => {
    const { calls, asked, sent } = underHand(1);
    const all = [asked("a", 1), asked("a", 2), asked("b", 3), asked("a", 4)];
    for (let i = 0; i < 3; i++) {
      await vi.waitFor(() => expect(calls).toHaveLength(i + 1));
      calls[i]?.end();
    }
    expect((await Promise.all(all)).map(({ replies }) => replies)).toEqual([["a1"], ["a2"], ["b3"], ["a4"]]);
    expect(sent()).toEqual([[1], [2, 4], [3]]);
  });

  it("fail together, and leave room for the next", async () => {
    const { calls, asked, sent } = underHand(1);
    const all = [asked("a", 1), asked("a", 2), asked("a", 3)];
    const outcomes = Promise.allSettled(all);
    calls[0]?.fail();
    await vi.waitFor(() => expect(calls).toHaveLength(2));
    calls[1]?.fail();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    void asked("a", 4);
    expect(sent().at(-1)).toEqual([4]);
  });
});

describe("questions that several callers ask at the same time", () => {
  const model = "gathered";
  let calls: { ids: string[] }[] = [];
  const isAsk = (input: RequestInfo | URL) => String(input) === `${env.NEXT_RUNG_URL}/v1/models/${model}/ask`;
  const spy = (reply: (ids: string[]) => Response | null = () => null) => {
    const real = globalThis.fetch;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      if (!isAsk(input as RequestInfo)) return real(input as RequestInfo, init);
      const { questions } = JSON.parse(String(init?.body)) as { questions: { id: string }[] };
      const ids = questions.map(({ id }) => id);
      calls.push({ ids });
      return reply(ids) ?? real(input as RequestInfo, init);
    });
  };
  const askAll = (name: string, n: number, headers: Record<string, string> = {}) =>
    Promise.all(
      Array.from({ length: n }, async (_, i) => {
        const questions = [{ id: `${model}~north~${name}-${i}`, instance: instance(i) }];
        const response = await expectOk(call("POST", `/v1/models/${model}/ask`, { headers, body: { questions } }));
        return (await response.json<{ answers: [Answer] }>()).answers[0];
      }),
    );

  beforeAll(async () => {
    await publish({ model });
    await ask(model, { instance: instance() });
  });

  afterEach(() => {
    calls = [];
    vi.restoreAllMocks();
  });

  it("share calls to the origin, and each gets the answer to its own", async () => {
    spy();
    const together = await askAll("shared", 24);
    expect(calls.length).toBeLessThan(24);
    expect(calls.flatMap(({ ids }) => ids).sort()).toEqual(together.map(({ id }) => id).sort());
    vi.restoreAllMocks();
    for (const [i, answer] of together.entries()) {
      const alone = await ask(model, { instance: instance(i) });
      expect(answer).toMatchObject({ rung: "origin", accepted: true, label: alone.label, scores: alone.scores });
    }
  });

  it("don't fail with one that the origin can't take", async () => {
    for (const status of [500, 422]) {
      const poison = `${model}~north~mixed-${status}-7`;
      spy((ids) => (ids.includes(poison) ? new Response("no", { status }) : null));
      const answers = await askAll(`mixed-${status}`, 24);
      expect(calls.some(({ ids }) => ids.includes(poison) && ids.length > 1)).toBe(true);
      for (const { id, rung, accepted } of answers) {
        const isAnswered = id !== poison;
        expect({ id, rung, accepted }).toEqual({ id, rung: isAnswered ? "origin" : "edge", accepted: isAnswered });
      }
      vi.restoreAllMocks();
    }
  });

  it("stay open where the origin is down, and are answered once it is back", async () => {
    spy(() => new Response("down", { status: 503 }));
    const answers = await askAll("down", 24);
    expect(answers.every(({ status }) => status === "open")).toBe(true);
    vi.restoreAllMocks();
    for (const { id } of answers) {
      await eventually(async () => {
        const read = await expectOk(call("GET", `/v1/questions/${id}`));
        expect(await read.json()).toMatchObject({ status: "answered", rung: "origin" });
      });
    }
  });

  it("go alone where their callers follow them in a sampled trace", async () => {
    spy();
    const headers = { traceparent: `00-${"5".repeat(32)}-b7ad6b7169203331-01` };
    await askAll("traced", 6, headers);
    expect(calls.map(({ ids }) => ids.length)).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

it("a call that fails is one failure of the rung, however many callers were in it", () => {
  const health = new RungHealth();
  const met = (error: RungUnavailableError, callers: number) => {
    for (let i = 0; i < callers; i++) health.met(error, 0);
    return health.breakerState(0);
  };
  expect(met(new RungUnavailableError("down"), 5)).toBe("closed");
  expect(met(new RungUnavailableError("down"), 5)).toBe("closed");
  expect(met(new RungUnavailableError("down"), 5)).toBe("open");
});
