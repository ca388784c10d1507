import { describe, expect, it } from "vitest";
import type { Answer, AskBody } from "#core/contract/index.ts";
import type { FaultError } from "#core/http/fault.ts";
import { choose, restricts, withinCandidates, withTop } from "#core/rung/candidates.ts";
import { checkedDrafts, draftsOf } from "#core/rung/drafts.ts";
import { hop, modelRung, questions } from "#test/helpers/rung.ts";

const labels = ["a", "b", "c"];
const scores = [0.6, 0.3, 0.1];
const certificate = {
  ...{ targetRisk: 0.1, confidence: 0.95, bound: 0.1, coverage: 0.5, labels: 100, source: "truth" as const },
  ...{ scope: "north", window: { from: "2026-01-01", to: "2026-02-01" } },
};
const answer: Answer = {
  ...{ id: "shop~north~1", model: "shop", region: "north", status: "answered", rung: "origin", version: "1" },
  ...{ accepted: true, certificate, ...choose(labels, scores) },
};

describe("candidates", () => {
  it("restrict where they leave out a label; all labels, in any order, restrict nothing", () => {
    expect(restricts(labels, ["a"])).toBe(true);
    expect(restricts(labels, ["c", "a", "b"])).toBe(false);
    expect(restricts(labels, ["a", "b", "c", "of a later version"])).toBe(false);
    expect(restricts(labels, undefined)).toBe(false);
    expect(withinCandidates(answer, labels, ["c", "a", "b"])).toBe(answer);
  });

  it("are scored as among all labels: one alone is not certain", () => {
    expect(choose(labels, scores, ["b"])).toEqual({ label: "b", scores: { b: 0.3 }, confidence: 0.3 });
    expect(choose(labels, scores, ["c", "b"])).toEqual({ label: "b", scores: { b: 0.3, c: 0.1 }, confidence: 0.3 });
  });

  it("that the model does not have score 0", () => {
    expect(choose(labels, scores, ["d", "c"])).toEqual({ label: "c", scores: { c: 0.1, d: 0 }, confidence: 0.1 });
    expect(choose(labels, scores, ["d"])).toEqual({ label: "d", scores: { d: 0 }, confidence: 0 });
  });

  it("limit the answer of a rung that ignored them, which stays accepted only with the same label", () => {
    const uncertified = { status: "pending", labelsNeeded: null };
    expect(withinCandidates(answer, labels, ["a", "b"])).toMatchObject({
      ...{ label: "a", scores: { a: 0.6, b: 0.3 }, accepted: true, certificate: null, uncertified },
    });
    expect(withinCandidates(answer, labels, ["b", "c"])).toMatchObject({
      ...{ label: "b", confidence: 0.3, accepted: false, certificate: null, uncertified },
    });
    // A version above with a label more, which is none of the candidates.
    const more = { ...answer, ...choose([...labels, "d"], [0.2, 0.1, 0.1, 0.6]) };
    const limited = withinCandidates(more, labels, labels);
    expect(limited).toMatchObject({ label: "a", accepted: false });
    expect(limited.scores).toEqual({ a: 0.2, b: 0.1, c: 0.1 });
    // Only a label, without its score.
    expect(withinCandidates({ ...answer, label: "z", scores: {} }, labels, labels)).toMatchObject({ accepted: false });
  });

  it("are chosen among by a model's rung, whose rule judges the score among all labels", async () => {
    const [question] = questions(1) as [ReturnType<typeof questions>[0]];
    const ask = async (rung: Awaited<ReturnType<typeof modelRung>>, candidates?: string[]) => {
      const [reply] = await rung.ask([candidates ? { ...question, candidates } : question], hop);
      return { answer: reply?.answer as Answer, inference: reply?.inference?.() };
    };
    const free = (await ask(await modelRung("edge", { threshold: 0 }))).answer;
    const ranked = labels.toSorted((x, y) => (free.scores[y] as number) - (free.scores[x] as number));
    const [, second, third] = ranked as [string, string, string];
    for (const [threshold, accepted] of [
      [free.scores[second] as number, true],
      [(free.scores[second] as number) + 1e-9, false],
    ] as const) {
      const rung = await modelRung("edge", { threshold });
      for (const candidates of [[second], [third, second]]) {
        const { answer: restricted, inference } = await ask(rung, candidates);
        expect(restricted).toMatchObject({ label: second, confidence: free.scores[second], accepted });
        expect(Object.keys(restricted.scores).toSorted()).toEqual(candidates.toSorted());
        expect(inference).toMatchObject({ accepted, scores: Object.values(free.scores) });
      }
    }
    const lax = await modelRung("edge", { threshold: 0 });
    expect((await ask(lax, ["of another version"])).answer).toMatchObject({ accepted: false, confidence: 0 });
    expect((await ask(lax, [...labels])).answer).toEqual(free);
  });
});

describe("the best labels in order", () => {
  it("are as many as asked for, and no more than there are", () => {
    expect(withTop(answer, 2).top).toEqual([
      { label: "a", score: 0.6 },
      { label: "b", score: 0.3 },
    ]);
    expect(withTop(withinCandidates(answer, labels, ["c", "b"]), 3).top).toEqual([
      { label: "b", score: 0.3 },
      { label: "c", score: 0.1 },
    ]);
    expect(withTop(answer, undefined)).toBe(answer);
  });

  it("begin with the answered label where scores are equal, and keep names that look like numbers", () => {
    const numbers = { ...answer, ...choose(["10", "9", "2"], [0.4, 0.4, 0.2]) };
    expect(withTop(numbers, 3).top?.map(({ label }) => label)).toEqual(["10", "9", "2"]);
  });
});

describe("the candidates of a body", () => {
  const instance = { x0: 1 };
  const check = (body: AskBody) => checkedDrafts(labels, body, draftsOf(body));
  const errorsOf = (body: AskBody) => {
    try {
      check(body);
      return null;
    } catch (error) {
      const { fault } = error as FaultError;
      return fault.kind === "invalid" ? fault.errors.map(({ index, path }) => [index, path]) : fault;
    }
  };

  it("are those of each question, unless it has its own", () => {
    const own = { instance, candidates: ["c"], top: 3 };
    const body = { questions: [{ instance }, own], candidates: ["a", "b"], top: 1 };
    expect(check(body)).toEqual([{ instance, candidates: ["a", "b"], top: 1 }, own]);
    expect(check({ instances: [instance], candidates: ["a"] })).toEqual([{ instance, candidates: ["a"] }]);
    expect(check({ instance })).toEqual([{ instance }]);
  });

  it("must be labels of the model, and no more than it has; errors name each place", () => {
    expect(errorsOf({ instance, candidates: ["a", "z", "y"], top: 4 })).toEqual([
      [undefined, "candidates.1"],
      [undefined, "candidates.2"],
      [undefined, "top"],
    ]);
    expect(errorsOf({ questions: [{ instance }, { instance, candidates: ["z"] }] })).toEqual([[1, "candidates.0"]]);
    expect(errorsOf({ instance, candidates: ["a", "b", "c", "d"] })).toEqual([[undefined, "candidates"]]);
    expect(errorsOf({ instance, candidates: ["c", "b", "a"], top: 3 })).toBeNull();
  });

  it("of a rung below may be labels of its version: unknown ones are left out, but one stays", () => {
    const via = ["edge"];
    expect(check({ questions: [{ instance, candidates: ["z", "b", "y"] }], via })[0]?.candidates).toEqual(["b"]);
    expect(check({ questions: [{ instance, candidates: ["z", "y"] }], via })[0]?.candidates).toEqual(["z"]);
  });
});
