import { describe, expect, it } from "vitest";
import type { Certificate, Question } from "#core/contract/index.ts";
import type { ModelRung, RegionalHead } from "#core/rung/model-rung.ts";
import { InvalidQuestionsError, type Reply } from "#core/rung/rung.ts";
import { testRule } from "#test/helpers/model.ts";
import { hop, modelRung, questions } from "#test/helpers/rung.ts";

const certificate: Certificate = {
  targetRisk: 0.1,
  confidence: 0.95,
  bound: 0.1,
  coverage: 0.5,
  labels: 100,
  source: "truth",
  scope: "north",
  window: { from: "2026-01-01", to: "2026-02-01" },
};

// A head that always says "c": only its bias counts.
function northsHead(threshold: number, certified: Certificate | null): RegionalHead {
  const head = { blob: { sha256: "0".repeat(64), bytes: 0 }, width: 5, classes: 3, temperature: 1 };
  return {
    manifest: {
      format: "upriver/2",
      model: "shop",
      base: 1,
      region: "north",
      number: 3,
      backbone: "0".repeat(64),
      head,
      rule: { ...testRule(threshold), certificate: certified },
      createdAt: "2026-02-01T00:00:00.000Z",
    },
    weights: { ...head, weights: new Float32Array(15), bias: Float32Array.of(0, 0, 3) },
  };
}

const headOf = (head: RegionalHead) => (region: string) => (region === "north" ? { head, rule: null } : null);
const one = async (rung: ModelRung, question = questions(1)[0] as Question, trace = false) =>
  (await rung.ask([question], { ...hop, trace }))[0] as Reply;

describe("the model rung's rule", () => {
  it("accepts from the threshold on", async () => {
    const accepted = await one(await modelRung("edge", { threshold: 0 }));
    const unsure = await one(await modelRung("edge", { threshold: 1.01 }));
    expect([accepted.answer.accepted, unsure.answer.accepted]).toEqual([true, false]);
    expect(accepted.inference?.()).toMatchObject({ version: "1", backbone: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it("gives a certificate to what it covers alone", async () => {
    const accepted = await one(await modelRung("edge", {}, headOf(northsHead(0.5, certificate))));
    const unsure = await one(await modelRung("edge", {}, headOf(northsHead(0.99, certificate))));
    expect(accepted.answer).toMatchObject({ accepted: true, certificate });
    expect(unsure.answer).toMatchObject({ accepted: false, certificate: null });
  });

  it("without a certificate answers or escalates, as the model says", async () => {
    const strict = { threshold: 0, policy: { uncertified: "escalate" as const } };
    expect((await one(await modelRung("edge", strict))).answer.accepted).toBe(false);
    const certified = await modelRung("edge", strict, headOf(northsHead(0, certificate)));
    expect((await one(certified)).answer.accepted).toBe(true);
  });
});

describe("a region's head", () => {
  it("answers its own region's questions, under its own version, and no other's", async () => {
    const rung = await modelRung("edge", {}, headOf(northsHead(0.5, null)));
    const [question] = questions(1) as [Question];
    const { answer, inference } = await one(rung, question);
    expect(answer).toMatchObject({ label: "c", version: "1+north.3" });
    // softmax(0, 0, 3)
    expect(answer.confidence).toBeCloseTo(Math.exp(3) / (2 + Math.exp(3)), 6);
    expect(inference?.().version).toBe("1+north.3");
    const global = await one(await modelRung("edge"), { ...question, region: "south" });
    expect((await one(rung, { ...question, region: "south" })).answer).toEqual(global.answer);
    expect(global.answer.version).toBe("1");
  });

  it("stands beside the global head in a trace", async () => {
    const rung = await modelRung("edge", {}, headOf(northsHead(0.5, null)));
    const { answer } = await one(rung, undefined, true);
    expect(answer.trace?.map(({ head, version }) => [head, version])).toEqual([
      ["global", "1"],
      ["regional", "1+north.3"],
    ]);
    expect(answer.trace?.[1]?.scores).toEqual(Object.values(answer.scores));
    expect(answer.trace?.[0]?.scores).not.toEqual(answer.trace?.[1]?.scores);
  });
});

it("names every question whose values are too large for the network", async () => {
  const rung = await modelRung("edge", { seed: 4 });
  const large = { x0: 3e38, x1: 3e38, x2: 3e38, x3: 3e38 };
  const asked = questions(3).map((question, i) => (i === 1 ? { ...question, instance: large } : question));
  const error = await rung.ask(asked, hop).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InvalidQuestionsError);
  expect((error as InvalidQuestionsError).faults.map(({ index }) => index)).toEqual([1]);
});
