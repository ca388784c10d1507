import { evictDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Answer, Instance } from "../../workers/core/contract/index.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("ruled");
let asked = 0;

beforeAll(async () => {
  await publish({ model: region.model, threshold: 0.4, policy: { keep: "all", truth: "complete" } });
});

beforeEach(() => region.forgetAll());

/** Asks n questions and says of each whether the answer was right, in the order given or by another. */
async function live(n: number, isRight: (i: number) => boolean, order = (i: number) => i): Promise<Answer[]> {
  const ids = Array.from({ length: n }, () => `${region.model}~north~live-${asked++}`);
  const instances = ids.map((_, i): Instance => ({ region: "north", x0: 3 + (i % 5) / 10, x1: 1, x2: -0.5, x3: 2 }));
  const answers = await region.ask(instances, ids);
  const wrong = (label: string) => (label === "a" ? "b" : "a");
  const truths = answers.map(({ id, label }, i) => ({ id, label: isRight(i) ? label : wrong(label) }));
  await region.teach(ids.map((_, i) => truths[order(i)] as (typeof truths)[0]));
  return answers;
}

const threshold = async () => (await region.rows("SELECT threshold FROM thresholds"))[0]?.threshold as number;

const state = () => region.inside((object) => object.state(1));

describe("the live threshold", () => {
  it("starts at the version's, goes up by an accepted error and down by right answers", async () => {
    const [first] = await live(1, () => true);
    expect(first).toMatchObject({ sure: true, rung: "edge" });
    // Half the target while nothing is known: down by 0.02 × 0.05.
    expect(await threshold()).toBeCloseTo(0.4 - 0.02 * 0.05, 10);
    const before = await threshold();
    await live(1, () => false);
    expect((await threshold()) - before).toBeCloseTo(0.02 * 0.95, 3);
  });

  it("reaches the edge by the region's pointer, and outlives the object's instance", async () => {
    await live(20, () => false);
    await eventually(async () => {
      await live(1, () => false);
      const { rule } = await state();
      expect(rule?.threshold).toBeGreaterThan(0.6);
    });
    await evictDurableObject(region.stub);
    expect((await state()).rule?.threshold).toBeGreaterThan(0.6);
  });

  it("moves once a question: a truth again, or corrected, is no second step", async () => {
    const [answer] = (await live(1, () => true)) as [Answer];
    const once = await threshold();
    await region.teach([{ id: answer.id, label: answer.label }]);
    await region.teach([{ id: answer.id, label: answer.label === "a" ? "b" : "a" }]);
    expect(await threshold()).toBe(once);
  });
});

describe("the certificate", () => {
  it("counts in the order of asking, whatever the order of the labels", async () => {
    const [trial] = await Promise.all([counted()]);
    expect(trial).toEqual([]);
    const ids = ["x", "y", "z"].map((name) => `${region.model}~north~${name}-${asked++}`);
    const answers = await region.ask(
      ids.map(() => ({ region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 })),
      ids,
    );
    await region.teach(answers.slice(1).map(({ id, label }) => ({ id, label })));
    expect((await state()).certificate?.labels).toBe(0);
    await region.teach([{ id: ids[0] as string, label: (answers[0] as Answer).label }]);
    expect((await state()).certificate?.labels).toBe(3);
  });

  it("takes a label that never came for an error, until it comes", async () => {
    const ids = [`${region.model}~north~late-${asked++}`];
    const [answer] = (await region.ask([{ region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 }], ids)) as [Answer];
    await region.rows("UPDATE trials SET dueAt = 1");
    await live(1, () => true);
    expect((await state()).certificate).toMatchObject({ labels: 2, mean: 0.5 });
    await region.teach([{ id: answer.id, label: answer.label }]);
    expect((await state()).certificate).toMatchObject({ labels: 2, mean: 0 });
  });

  it("is corrected exactly when a label is", async () => {
    const [answer] = (await live(4, () => true)) as [Answer];
    await region.teach([{ id: answer.id, label: answer.label === "a" ? "b" : "a" }]);
    expect((await state()).certificate).toMatchObject({ labels: 4, mean: 0.25 });
    await region.teach([{ id: answer.id, label: answer.label }]);
    expect((await state()).certificate).toMatchObject({ labels: 4, mean: 0 });
  });

  it("is held once enough answers were right, comes with each answer, and counts without the name of a forgotten one", async () => {
    const [first] = (await live(200, () => true)) as [Answer];
    expect(first.certificate).toBeNull();
    expect(first.uncertified ?? { status: "pending" }).toMatchObject({ status: "pending" });
    const { certificate } = await state();
    expect(certificate).toMatchObject({ status: "held", targetRisk: 0.1, confidence: 0.95, mean: 0, labels: 200 });
    expect(certificate?.bound).toBeLessThan(0.1);
    await eventually(async () => {
      const [answer] = (await live(1, () => true)) as [Answer];
      expect(answer.certificate).toMatchObject({ scope: "north", source: "truth", targetRisk: 0.1, coverage: 1 });
      expect(answer.uncertified).toBeUndefined();
    });
    const before = (await state()).certificate;
    await expectOk(call("DELETE", `/v1/questions/${first.id}`));
    expect((await state()).certificate).toEqual(before);
    expect(await region.rows("SELECT * FROM trials WHERE id = ?", first.id)).toEqual([]);
  });

  it("is void on proof of more error: the strictest rule, the reason, and earned anew from later labels alone", async () => {
    await live(60, () => false);
    await eventually(async () => {
      const { certificate, rule } = await state();
      expect(certificate).toMatchObject({ status: "void", window: { number: 2 } });
      expect(certificate?.reason).toMatch(/error 1.000, surely above 0\.\d+, where 0.1 was the target/);
      expect(rule?.uncertified).toMatchObject({ status: "void" });
      expect(rule?.threshold).toBeGreaterThanOrEqual(0.99);
    });
    expect((await state()).certificate?.labels).toBeLessThan(60);
  });

  const counted = () => region.rows("SELECT * FROM trials WHERE window IS NOT NULL");
});

describe("what the rule did not accept", () => {
  it("is counted as escalated, and 'accept: always' accepts nothing", async () => {
    await region.rows("SELECT 1");
    const ids = [`${region.model}~north~always-${asked++}`];
    await publishStrict();
    const strict = new TestRegion("strict");
    const [answer] = await strict.ask(
      [{ region: "north", x0: 0, x1: 0, x2: 0, x3: 0 }],
      [`strict~north~${ids.length}`],
      {
        accept: "always",
      },
    );
    expect(answer).toMatchObject({ sure: false });
    expect(await strict.rows("SELECT id FROM trials")).toEqual([]);
    expect(await strict.rows("SELECT escalated FROM windows")).toEqual([{ escalated: 1 }]);
  });

  const publishStrict = () =>
    publish({
      model: "strict",
      threshold: 1.01,
      policy: { keep: "all", truth: "complete", ladder: ["edge", "region"] },
    });
});

describe("a region whose rule may not answer uncertified", () => {
  it("earns its certificate by what its threshold would have let pass", async () => {
    const shy = new TestRegion("shy");
    await publish({
      model: "shy",
      threshold: 0.4,
      policy: { keep: "all", truth: "complete", uncertified: "escalate", ladder: ["edge", "region"] },
    });
    const ids = Array.from({ length: 200 }, (_, i) => `shy~north~${i}`);
    const answers = await shy.ask(
      ids.map(() => ({ region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 })),
      ids,
    );
    expect(answers.every(({ sure }) => !sure)).toBe(true);
    await shy.teach(answers.map(({ id, label }) => ({ id, label })));
    await eventually(async () => {
      const [answer] = (await shy.ask(
        [{ region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 }],
        [`shy~north~after-${asked++}`],
      )) as [Answer];
      expect(answer).toMatchObject({ rung: "edge", sure: true, certificate: { scope: "north" } });
    });
  });
});
