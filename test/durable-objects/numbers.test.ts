import { beforeAll, describe, expect, it } from "vitest";
import type { HeadManifest, Instance } from "#core/contract/index.ts";
import { decodeSums, labelsIn, sharesIn } from "#core/head/sums.ts";
import { taskOf } from "#core/task/index.ts";
import { CanaryAnswers } from "#objects/region/tables/canary-answers.ts";
import { ask, call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { type TestModel, testModel, testNumber } from "../helpers/model.ts";
import { seeded } from "../helpers/random.ts";
import { TestRegion } from "../helpers/region.ts";

/** Labelled questions: the number depends on x0 alone, in a way that the random head does not know. */
function labelled(region: TestRegion, n: number, seed = 3) {
  const random = seeded(seed);
  return Array.from({ length: n }, (_, i) => {
    const x0 = 4 * random() - 2;
    const instance: Instance = { region: region.region, x0, x1: random(), x2: 0, x3: random() };
    const label = (2 * x0 + random() - 0.5).toFixed(2);
    return {
      label,
      question: { id: `${region.model}~${region.region}~${seed}-${i}`, region: region.region, instance, at: 1_000 + i },
    };
  });
}

describe("a region of a model of numbers", () => {
  const region = new TestRegion("heat");
  let model: TestModel;

  beforeAll(async () => {
    const policy = { keep: "all", truth: "complete", retrainMinLabels: 30 } as const;
    model = await publish({ model: region.model, number: testNumber, hidden: [16, 8], threshold: 0.5, policy });
    await region.teach(labelled(region, 600));
  });

  it("learns a head that predicts numbers better, read by a calibration of its own", async () => {
    const run = await region.retrain();
    expect(run).toMatchObject({ status: "promoted" });
    const { comparison } = run.report as {
      comparison: { global: { accuracy: number }; regional: { accuracy: number } };
    };
    expect(comparison.regional.accuracy).toBeGreaterThan(comparison.global.accuracy + 0.2);
    const { headManifest } = await region.inside((object) => object.state(1));
    const { reading } = headManifest as HeadManifest;
    expect(reading?.within.slope).toBeGreaterThan(0);
    expect(reading?.reach).toBeGreaterThan(0.2);
  });

  it("answers with that head at the edge, with intervals that cover most truths", async () => {
    const always = { accept: "always" };
    const [first] = labelled(region, 1, 76);
    await eventually(async () => {
      const { version } = await ask(region.model, { instance: first?.question.instance, ...always });
      expect(version).toBe("1+north.1");
    });
    let [covered, within] = [0, 0];
    const next = labelled(region, 60, 77);
    for (const { label, question } of next) {
      const { value = Number.NaN, interval = [0, 0] } = await ask(region.model, {
        instance: question.instance,
        ...always,
      });
      covered += Number(Number(label) >= interval[0] && Number(label) <= interval[1]);
      within += Number(Math.abs(value - Number(label)) <= 1);
    }
    expect(covered).toBeGreaterThan(45);
    expect(within).toBeGreaterThan(40);
  });

  it("has exact sums of soft labels, in which each label counts once and forgetting leaves no trace", async () => {
    const before = await region.sums();
    const extra = labelled(region, 40, 5);
    await region.teach(extra, 110_000);
    await region.retrain(210_000);
    expect(await region.sums()).not.toEqual(before);
    const corrected = extra
      .slice(0, 10)
      .map(({ question, label }) => ({ id: question.id, label: String(Number(label) + 1) }));
    await region.teach(corrected, 120_000);
    await region.retrain(220_000);
    for (const { question } of extra) await expectOk(call("DELETE", `/v1/questions/${question.id}`));
    expect(await region.sums()).toEqual(before);
    await region.retrain(230_000);
    expect(await region.sums()).toEqual(before);
    const { bytes, labels } = await region.inside((object) => object.sums(1));
    const { width, classes } = model.manifest.thin.head;
    const sums = decodeSums(width, classes, bytes);
    expect([sharesIn(sums), labelsIn(sums)]).toEqual([256, labels]);
  });

  it("keeps samples whose labels are no numbers out of the sums", async () => {
    const before = await region.sums();
    await region.teach(labelled(region, 3, 8), 140_000);
    await region.rows("UPDATE samples SET label = 'warm' WHERE id LIKE '%~8-%'");
    await region.retrain(240_000);
    expect(await region.sums()).toEqual(before);
  });
});

describe("the certificate of numbers", () => {
  it("counts an accepted answer as right within the tolerance", async () => {
    const region = new TestRegion("judged-heat");
    await publish({
      model: region.model,
      number: testNumber,
      threshold: 0,
      policy: { keep: "all", truth: "complete" },
    });
    const asked = labelled(region, 12, 91);
    const answers = await region.ask(
      asked.map(({ question }) => question.instance),
      asked.map(({ question }) => question.id),
    );
    // Half a degree off is right; three are wrong.
    const labels = answers.map(({ value = 0 }, i) => String(value + (i === 0 ? 3 : 0.5)));
    await region.teach(answers.map(({ id }, i) => ({ id, label: labels[i] as string })));
    const { certificate } = await region.inside((object) => object.state(1));
    expect(certificate).toMatchObject({ labels: 12, mean: 1 / 12 });
  });
});

describe("the semantic cache of numbers", () => {
  it("answers where near neighbours are within the tolerance of their median", async () => {
    const region = new TestRegion("cached-heat");
    const policy = { keep: "all", truth: "complete" } as const;
    await publish({ model: region.model, number: testNumber, threshold: 1.01, policy });
    const known = labelled(region, 30);
    await region.teach(known);
    await region.retrain();
    // A retrain that is due would set its own radius.
    await region.rows("DELETE FROM jobs WHERE kind IN ('schedule', 'retrain')");
    await region.rows(`INSERT OR REPLACE INTO semantic_cache VALUES (1, 0.9999, '{"reason":"test"}')`);
    const [{ id } = { id: "" }] = await region.rows("SELECT id FROM samples WHERE split = 'train' LIMIT 1");
    const own = known.find(({ question }) => question.id === id);
    const [answer] = await region.ask([own?.question.instance as Instance], ["cached-heat~north~again"]);
    expect(answer).toMatchObject({ rung: "region", accepted: true, value: Number(own?.label), tolerance: 1 });
    expect(answer?.confidence).toBeCloseTo(2 / 3, 9);
  });
});

describe("a rung above that predicts something else", () => {
  it("gives no answer: the question is asked again later", async () => {
    const region = new TestRegion("other-heat");
    await publish({ model: region.model, number: testNumber, threshold: 1.01 });
    const [{ question } = { question: { instance: {} } }] = labelled(region, 1);
    const [answer] = await region.ask([question.instance], ["other-heat~north~1"]);
    expect(answer).toMatchObject({ status: "open", rung: "edge", value: expect.any(Number) });
    const [row] = await region.rows("SELECT tries, escalateAt FROM questions");
    expect(row).toMatchObject({ tries: 1, escalateAt: expect.any(Number) });
  });
});

describe("a watched canary of numbers", () => {
  it("counts an answer beyond the tolerance as an error of either version", async () => {
    const region = new TestRegion("watched-heat");
    const { manifest } = await testModel({ model: region.model, number: testNumber });
    const task = taskOf(manifest);
    const report = await region.inside((_, { storage }) => {
      const answers = new CanaryAnswers(storage.sql);
      answers.begin({ watch: 1, stable: 1, canary: 2 });
      const answer = { base: 1, version: "1", accepted: true, inclusionProbability: 1, isBorrowed: false };
      for (const [id, prediction] of [
        ["near", "2.5"],
        ["far", "0.5"],
      ] as const) {
        answers.record(id, { ...answer, prediction, groupKey: id }, 0);
        answers.recordLabel(task, id, "3", "truth");
        answers.setOther(task, id, { accepted: true, prediction: "3.5" });
      }
      return answers.report(1);
    });
    expect(report.count).toMatchObject({ pairs: 2, stable: { error: 0.5 }, canary: { error: 0 } });
  });
});
