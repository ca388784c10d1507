import { evictDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aimFor, updateThreshold } from "#core/confidence/control.ts";
import { addTrial } from "#core/confidence/trials.ts";
import { firstWindow, verdict } from "#core/confidence/window.ts";
import type { Answer, ClassifyManifest, Instance } from "#core/contract/index.ts";
import { sign } from "#core/sign.ts";
import { call, eventually, expectOk, publish, publishBuilt } from "../helpers/edge.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";
import { seeded } from "../helpers/random.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("ruled");
let asked = 0;

beforeAll(async () => {
  await publish({
    model: region.model,
    threshold: 0.4,
    policy: { keep: "all", truth: "complete", ladder: ["edge", "region"] },
  });
});

beforeEach(() => region.forgetAll());

interface LiveOptions {
  x0?: number;
  /** The order in which labels come. */
  order?: (i: number) => number;
}

/** Asks n questions and says of each whether the answer was right, in the order given or by another. */
async function live(n: number, isRight: (i: number) => boolean, options: LiveOptions = {}): Promise<Answer[]> {
  const { x0 = 3, order = (i: number) => i } = options;
  const ids = Array.from({ length: n }, () => `${region.model}~north~live-${asked++}`);
  const instances = ids.map((_, i): Instance => ({ region: "north", x0: x0 + (i % 5) / 10, x1: 1, x2: -0.5, x3: 2 }));
  const answers = await region.ask(instances, ids);
  const wrong = (label: string) => (label === "a" ? "b" : "a");
  const truths = answers.map(({ id, label }, i) => ({ id, label: isRight(i) ? label : wrong(label) }));
  // A label for each question that the order names, once.
  await region.teach([...new Set(ids.map((_, i) => truths[order(i)] as (typeof truths)[0]))]);
  return answers;
}

const threshold = async () => (await region.rows("SELECT threshold FROM thresholds"))[0]?.threshold as number;

const state = () => region.inside((object) => object.state(1));

describe("the live threshold", () => {
  it("starts at the version's threshold, rises with an accepted error and falls with correct answers", async () => {
    const [first] = await live(1, () => true);
    expect(first).toMatchObject({ accepted: true, rung: "edge" });
    // Half the target while nothing is known: down by 0.02 × 0.05.
    expect(await threshold()).toBeCloseTo(0.4 - 0.02 * 0.05, 10);
    const before = await threshold();
    await live(1, () => false);
    expect((await threshold()) - before).toBeCloseTo(0.02 * 0.95, 3);
  });

  it("takes exactly the steps of its formula, each aimed at what earlier labels have proven", async () => {
    const random = seeded(3);
    const outcomes = Array.from({ length: 60 }, () => random() < 0.9);
    await live(outcomes.length, (i) => outcomes[i] as boolean);
    const settings = { floor: 1 / 3, ceiling: 0.99, minInclusionProbability: 1 };
    let expected = 0.4;
    let window = firstWindow(0, 1);
    for (const right of outcomes) {
      window = { ...window, trials: addTrial(window.trials, { inclusionProbability: 1, error: right ? 0 : 1 }) };
      const aim = aimFor(verdict(window, { targetRisk: 0.1, delta: 0.05 }), 0.1);
      expected = updateThreshold(expected, { accepted: true, right, inclusionProbability: 1 }, { ...settings, aim });
    }
    expect(await threshold()).toBe(expected);
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

  it("takes one step for each question: a repeated or corrected label adds none", async () => {
    const [answer] = (await live(1, () => true)) as [Answer];
    const once = await threshold();
    await region.teach([{ id: answer.id, label: answer.label }]);
    await region.teach([{ id: answer.id, label: answer.label === "a" ? "b" : "a" }]);
    expect(await threshold()).toBe(once);
  });
});

describe("the certificate", () => {
  it("counts questions in the order asked, in whichever order their labels arrive", async () => {
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

  it("counts a missing label as an error until it arrives", async () => {
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

  it("is valid after enough correct answers, is part of each answer, and keeps the count of a forgotten one", async () => {
    const [first] = (await live(200, () => true)) as [Answer];
    expect(first.certificate).toBeNull();
    expect(first.uncertified ?? { status: "pending" }).toMatchObject({ status: "pending" });
    const { certificate } = await state();
    expect(certificate).toMatchObject({ status: "valid", targetRisk: 0.1, confidence: 0.95, mean: 0, labels: 200 });
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

  it("covers every question of its window, with or without a label", async () => {
    const ask = (name: string, x0: number) =>
      region.ask([{ region: "north", x0, x1: 1, x2: -0.5, x3: 2 }], [`${region.model}~north~${name}-${asked++}`]);
    const answers = [...(await ask("accepted", 3)), ...(await ask("accepted", 3)), ...(await ask("accepted", 3))];
    expect(answers.every(({ accepted }) => accepted)).toBe(true);
    await region.rows("UPDATE windows SET escalated = 3");
    expect((await state()).certificate).toMatchObject({ labels: 0, coverage: 0.5 });
    await region.teach(answers.map(({ id, label }) => ({ id, label })));
    expect((await state()).certificate).toMatchObject({ labels: 3, coverage: 0.5 });
  });

  it("keeps a queued error when its question is forgotten", async () => {
    const [, second] = (await live(2, (i) => i === 0, { order: () => 1 })) as [Answer, Answer];
    expect((await state()).certificate?.labels).toBe(0);
    await expectOk(call("DELETE", `/v1/questions/${second.id}`));
    await region.rows("UPDATE trials SET error = 0 WHERE error IS NULL");
    await live(1, () => true);
    expect((await state()).certificate).toMatchObject({ labels: 3, mean: 1 / 3 });
  });

  it("becomes invalid at once when corrected labels reveal errors", async () => {
    const answers = await live(100, () => true);
    await region.teach(answers.slice(0, 60).map(({ id, label }) => ({ id, label: label === "a" ? "b" : "a" })));
    expect((await state()).certificate).toMatchObject({ status: "void", labels: 0, window: { number: 2 } });
    expect(await threshold()).toBe(0.99);
  });

  it("becomes invalid when the error is above the target: the strictest rule applies, and only later labels earn a new one", async () => {
    await live(60, () => false);
    await eventually(async () => {
      const { certificate, rule } = await state();
      expect(certificate).toMatchObject({ status: "void", window: { number: 2 } });
      expect(certificate?.reason).toMatch(/error 1.000 \(lower bound 0\.\d+\) is above the target 0.1/);
      expect(rule?.uncertified).toMatchObject({ status: "void" });
      expect(rule?.threshold).toBeGreaterThanOrEqual(0.99);
    });
    expect((await state()).certificate?.labels).toBeLessThan(60);
  });

  it("is earned again from later labels alone, after correct escalated answers have opened the rule", async () => {
    await live(60, () => false, { x0: 10.5 });
    await eventually(async () => {
      const [answer] = await live(1, () => true, { x0: 10.5 });
      expect(answer).toMatchObject({ rung: "edge", accepted: true, uncertified: { status: "void" } });
    });
    expect((await state()).certificate).toMatchObject({ status: "void", window: { number: 2 } });
    await live(300, () => true, { x0: 10.5 });
    const { certificate } = await state();
    expect(certificate).toMatchObject({ status: "valid", window: { number: 2 }, mean: 0 });
    expect(certificate?.labels).toBeLessThan(310);
    await eventually(async () => {
      const [answer] = await live(1, () => true, { x0: 10.5 });
      expect(answer).toMatchObject({ accepted: true, certificate: { scope: "north" } });
    });
  });

  const counted = () => region.rows("SELECT * FROM trials WHERE window IS NOT NULL");
});

describe("what the rule did not accept", () => {
  it("is counted as escalated, and 'accept: always' accepts nothing", async () => {
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
    expect(answer).toMatchObject({ accepted: false });
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
  it("earns its certificate from the answers that its threshold would have accepted", async () => {
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
    expect(answers.every(({ accepted }) => !accepted)).toBe(true);
    await shy.teach(answers.map(({ id, label }) => ({ id, label })));
    await eventually(async () => {
      const [answer] = (await shy.ask(
        [{ region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 }],
        [`shy~north~after-${asked++}`],
      )) as [Answer];
      expect(answer).toMatchObject({ rung: "edge", accepted: true, certificate: { scope: "north" } });
    });
  });
});

describe("a region with its own head", () => {
  const own = new TestRegion("headed-rule");
  const rows = own.labelledQuestions(300);

  it("falls back to the strictest threshold of that head, and keeps its live rule when the head is rolled back", async () => {
    await publish({ model: own.model, threshold: 0.5, policy: { keep: "all", truth: "complete" } });
    await own.teach(rows.slice(0, 200));
    expect(await own.retrain()).toMatchObject({ status: "promoted" });
    const strictest = await own.inside(async (object) => (await object.state(1)).headManifest?.rule.strictest);
    expect(strictest).not.toBe(0.99);
    const answers = await own.ask(
      rows.slice(200).map(({ question }) => question.instance),
      rows.slice(200).map((_, i) => `headed-rule~north~asked-${i}`),
    );
    await own.teach(answers.map(({ id, label }) => ({ id, label: label === "a" ? "b" : "a" })));
    const live = await eventually(async () => {
      const { rule } = await own.inside((object) => object.state(1));
      expect(rule).toMatchObject({ strictest, uncertified: { status: "void" } });
      expect(rule?.threshold).toBeGreaterThanOrEqual(strictest as number);
      return rule;
    });
    await expectOk(call("POST", `/v1/models/${own.model}/rollback`, { body: { region: "north" } }));
    const [answer] = await own.ask([rows[0]?.question.instance as Instance], ["headed-rule~north~after"], {
      accept: "always",
    });
    expect(answer).toMatchObject({ version: "1", uncertified: live?.uncertified });
    expect((await own.inside((object) => object.state(1))).rule).toEqual(live);
  });
});

describe("a region that goes on to another version", () => {
  const heir = new TestRegion("heir");
  const policy = { keep: "all" as const, truth: "complete" as const, ladder: ["edge" as const, "region" as const] };
  const certificate = async (base: number) => (await heir.inside((object) => object.state(base))).certificate;
  const roll = (body: object) => expectOk(call("POST", "/v1/models/heir/rollout", { body }));
  /** Asks, by the version that serves, what it will be right about. */
  async function answered(ids: string[], body: object = {}): Promise<Answer[]> {
    const asked = { region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 };
    return heir.ask(
      ids.map(() => asked),
      ids.map((id) => `heir~north~${id}`),
      body,
    );
  }
  const right = (answers: Answer[]) => heir.teach(answers.map(({ id, label }) => ({ id, label })));

  it("keeps its certificate, and counts labels that arrive later", async () => {
    await publish({ model: "heir", threshold: 0, policy });
    await right(await answered(Array.from({ length: 200 }, (_, i) => `first-${i}`)));
    const late = await answered(["late"]);
    const before = await certificate(1);
    expect(before).toMatchObject({ status: "valid", labels: 200 });
    const [known] = await heir.rows("SELECT threshold FROM thresholds WHERE base = 1");
    await publish({ model: "heir", version: 2, seed: 7, threshold: 0, policy });
    const [next] = (await answered(["next"])) as [Answer];
    expect(next.version).toBe("2");
    expect(await certificate(2)).toMatchObject({ status: "valid", labels: 200, window: { from: before?.window.from } });
    expect(await certificate(1)).toBeNull();
    // So does its threshold.
    expect(await heir.rows("SELECT threshold FROM thresholds WHERE base = 2")).toEqual([known]);
    await right([...late, next]);
    expect(await certificate(2)).toMatchObject({ labels: 202 });
    // A label of the version before that is corrected is corrected in what goes on.
    const [{ label }] = late as [Answer];
    await heir.teach([{ id: "heir~north~first-3", label: label === "a" ? "b" : "a" }]);
    expect((await certificate(2))?.mean).toBeCloseTo(1 / 202, 9);
  });

  it("and back, when it is rolled back", async () => {
    await expectOk(call("POST", "/v1/models/heir/rollback", { body: {} }));
    const [back] = (await answered(["back"])) as [Answer];
    expect(back.version).toBe("1");
    await right([back]);
    expect(await certificate(1)).toMatchObject({ labels: 203 });
  });

  it("but a canary earns its own beside it", async () => {
    await publish({ model: "heir", version: 3, seed: 8, threshold: 0, policy }, null);
    await roll({ version: 3, share: 0.5 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => answered([`canary-${i}`], { caller: `caller-${i}` })),
    );
    const versions = new Set(answers.flat().map(({ version }) => version));
    expect(versions).toEqual(new Set(["1", "3"]));
    await right(answers.flat());
    const [stable, canary] = [await certificate(1), await certificate(3)];
    expect((stable?.labels ?? 0) + (canary?.labels ?? 0)).toBe(203 + 12);
    expect(canary?.labels).toBeLessThan(12);
  });

  it("lasts until the canary is promoted: then the region's certificate continues, without what the canary earned", async () => {
    const beside = (await certificate(3))?.labels as number;
    await roll({ version: 3 });
    // Another instance of the object: it has asked nobody yet which version serves.
    await evictDurableObject(heir.stub);
    const taken = await answered(["taken"]);
    expect(taken[0]?.version).toBe("3");
    await right(taken);
    expect(await certificate(3)).toMatchObject({ labels: 203 + 12 - beside + 1 });
  });
});

describe("a region that audits", () => {
  const audited = new TestRegion("sampled");
  const policy = { keep: "all", truth: "some", auditShare: 0.02, ladder: ["edge", "region"] } as const;
  const answered = Promise.withResolvers<Answer[]>();

  it("plans labels for audited questions only, with the share as their inclusion probability", async () => {
    await publish({ model: audited.model, threshold: 0, policy: { ...policy, ladder: [...policy.ladder] } });
    const ids = Array.from({ length: 800 }, (_, i) => `sampled~north~${i}`);
    const answers = await audited.ask(
      ids.map(() => ({ region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 })),
      ids,
    );
    answered.resolve(answers);
    const trials = await audited.rows("SELECT id, inclusionProbability FROM trials ORDER BY id");
    expect(trials).toEqual(
      await audited.rows("SELECT id, 0.02 AS inclusionProbability FROM questions WHERE audited = 1 ORDER BY id"),
    );
    expect(trials.length).toBeGreaterThan(4);
    expect(trials.length).toBeLessThan(40);
  });

  it("is certified by audits only: each counts as fifty, and an unplanned truth changes nothing", async () => {
    const planned = new Set((await audited.rows("SELECT id FROM trials")).map(({ id }) => id));
    const answers = await answered.promise;
    const state = async () => (await audited.inside((object) => object.state(1))).certificate;
    await audited.teach(answers.filter(({ id }) => !planned.has(id)).map(({ id }) => ({ id, label: "c" })));
    expect(await state()).toMatchObject({ labels: 0, coverage: 1 });
    expect(await audited.rows("SELECT * FROM thresholds")).toEqual([]);
    await audited.teach(answers.filter(({ id }) => planned.has(id)).map(({ id, label }) => ({ id, label })));
    expect(await state()).toMatchObject({ labels: planned.size, mean: 0 });
    const [{ state: kept }] = (await audited.rows("SELECT state FROM windows")) as [{ state: string }];
    expect(JSON.parse(kept).trials.weight).toBeCloseTo(50 * planned.size, 6);
  });
});

describe("a region of a model whose classes have risks of their own", () => {
  it("never accepts more than the version's rule", async () => {
    const policy = { keep: "all", truth: "complete", ladder: ["edge" as const, "region" as const] } as const;
    const { manifest, blobs } = await testModel({
      ...{ model: "careful", threshold: 0.4 },
      policy: { ...policy, ladder: [...policy.ladder] },
    });
    const { signature: _, ...unsigned } = manifest;
    const rule = { ...unsigned.thin.rule, classRisks: ["a"] };
    const careful = await sign<ClassifyManifest>(
      { ...unsigned, thin: { ...unsigned.thin, rule } },
      testKeys.publish.signing,
    );
    await publishBuilt({ manifest: careful, blobs });
    const own = new TestRegion("careful");
    const ids = Array.from({ length: 30 }, (_, i) => `careful~north~${i}`);
    const answers = await own.ask(
      ids.map(() => ({ region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 })),
      ids,
    );
    await own.teach(answers.map(({ id, label }) => ({ id, label })));
    const [row] = await own.rows("SELECT threshold FROM thresholds");
    expect(row).toEqual({ threshold: 0.4 });
    await eventually(async () => {
      expect((await own.inside((object) => object.state(1))).rule?.classRisks).toEqual(["a"]);
    });
  });
});
