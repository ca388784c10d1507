import { evictDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fewLabelsBelow } from "#core/confidence/few-labels.ts";
import type { RegionRun, Split } from "#core/contract/index.ts";
import { Embeddings } from "#objects/region/tables/embeddings.ts";
import { ask, call, expectOk, instance, publish } from "../helpers/edge.ts";
import { type LabelledQuestion, TestRegion } from "../helpers/region.ts";
import { SteppedRun } from "../helpers/stepped-run.ts";

const region = new TestRegion("sparing");
const policy = { keep: "all", truth: "complete", retrainMinLabels: 4 } as const;
const few = 120;
const bound = fewLabelsBelow(3);
const fullWeight = 4;

beforeAll(async () => {
  await publish({ model: region.model, threshold: 0.5, policy });
});

beforeEach(() => region.forgetAll());

interface Figures {
  crossFitted: boolean;
  train: number;
  validation: number;
  questions: number;
}
const figuresOf = ({ report }: Pick<RegionRun, "report">) => report as unknown as Figures;

type Counts = Record<Split, { samples: number; inSums: number }>;

/** Counts the samples of each split, and those of them that the sums contain. */
async function counted(): Promise<Counts> {
  const rows = await region.rows(
    `SELECT s.split, count(*) AS samples, sum(coalesce(e.weight, 0) = ?) AS inSums
     FROM samples s LEFT JOIN embeddings e USING (number) GROUP BY s.split`,
    fullWeight,
  );
  return Object.fromEntries(rows.map(({ split, ...counts }) => [split, counts])) as unknown as Counts;
}

const foldsInSums = async () =>
  (await region.rows("SELECT DISTINCT fold FROM sums ORDER BY fold")).map((row) => row.fold);

describe("a region with few labels", () => {
  it("trains on all of them, is judged by cross-fitting, and serves the head", async () => {
    await region.teach(region.labelledQuestions(few));
    const run = await region.retrain();
    expect(run).toMatchObject({ status: "promoted", report: { crossFitted: true, train: few, validation: 0 } });
    expect(figuresOf(run).questions).toBe(few);
    const { train, validation, calibration } = await counted();
    for (const { samples, inSums } of [train, validation, calibration]) {
      expect(samples).toBeGreaterThan(5);
      expect(inSums).toBe(samples);
    }
    await ask(region.model, { instance: instance(1), accept: "always" }, { token: "admin-token" });
    const answer = await ask(region.model, { instance: instance(2), accept: "always" }, { token: "admin-token" });
    expect(answer.version).toBe("1+north.1");
    // What is aggregated over regions stays `train`.
    const { labels } = await region.inside((object) => object.sums(1));
    expect(labels).toBe(train.samples);
  });

  it("compares the next head on all of its labels: on known ones by the heads that left them out", async () => {
    const labelled = region.labelledQuestions(few + 40);
    await region.teach(labelled.slice(0, few));
    await region.retrain();
    await region.teach(labelled.slice(few));
    expect(figuresOf(await region.retrain())).toMatchObject({ crossFitted: true, questions: few + 40 });
  });

  it("compares it on new labels alone where those heads are not known", async () => {
    const labelled = region.labelledQuestions(few + 40);
    await region.teach(labelled.slice(0, few));
    await region.retrain();
    await region.rows("DELETE FROM held_out_heads");
    await region.teach(labelled.slice(few));
    expect(figuresOf(await region.retrain())).toMatchObject({ crossFitted: true, train: few + 40, questions: 40 });
  });

  it("holds out validation and calibration from its bound on, and subtracts them exactly", async () => {
    const labelled = region.labelledQuestions(bound + 40);
    await region.teach(labelled.slice(0, few));
    await region.retrain();
    expect(await foldsInSums()).toEqual([0, 1, 2, 3, 4]);
    await region.teach(labelled.slice(few));
    const run = await region.retrain();
    const { train, validation, calibration } = await counted();
    expect(figuresOf(run)).toMatchObject({ crossFitted: false, train: train.samples, validation: validation.samples });
    expect([train.inSums, validation.inSums, calibration.inSums]).toEqual([train.samples, 0, 0]);
    // The head in use has learned from the first labels: new ones alone judge it.
    const fresh = labelled.slice(few).map(({ question }) => question.id);
    const splits = await region.rows("SELECT id FROM samples WHERE split <> 'calibration'");
    expect(figuresOf(run).questions).toBe(splits.filter(({ id }) => fresh.includes(id as string)).length);
    const grown = await region.sums();
    await region.forgetAll();
    await region.teach(labelled);
    await region.retrain();
    expect(await region.sums()).toEqual(grown);
    expect(await foldsInSums()).toEqual([0, 1, 2]);
  });

  it("forgets a sample of each split as if it had never come", async () => {
    const labelled = region.labelledQuestions(few);
    await region.teach(labelled);
    const splits = await region.rows("SELECT id, split FROM samples ORDER BY number");
    const gone = ["train", "validation", "calibration"].map((split) => splits.find((row) => row.split === split)?.id);
    await region.retrain();
    for (const id of gone) await expectOk(call("DELETE", `/v1/questions/${encodeURIComponent(id as string)}`));
    const left = await region.sums();
    await region.forgetAll();
    await region.teach(labelled.filter(({ question }) => !gone.includes(question.id)));
    await region.retrain();
    expect(await region.sums()).toEqual(left);
  });
});

describe("a label that has trained a head", () => {
  const cached = new TestRegion("remembering");
  async function escalate(some: readonly LabelledQuestion[]): Promise<void> {
    const ids = some.map(({ question }) => `${question.id}-asked`);
    const answers = await cached.ask(
      some.map(({ question }) => question.instance),
      ids,
    );
    await cached.teach(answers.map(({ id }, i) => ({ id, label: (some[i] as LabelledQuestion).label })));
  }

  it("certifies no semantic cache, neither while labels are few nor later", async () => {
    await publish({
      ...{ model: cached.model, threshold: 1.01, hidden: [32, 24] },
      policy: { ...policy, ladder: ["edge", "region", "human"] },
    });
    const labelled = cached.labelledQuestions(900);
    await escalate(labelled.slice(0, few));
    await cached.retrain(Date.now());
    await escalate(labelled.slice(few));
    await cached.retrain(Date.now());
    const calibration = await cached.rows(
      `SELECT number, weight FROM samples JOIN embeddings USING (number)
       WHERE split = 'calibration' AND accepted = 0`,
    );
    const trained = calibration.filter(({ weight }) => weight !== null);
    expect(trained.length).toBeGreaterThan(10);
    const certifying = await cached.inside((_, { storage: { sql } }) => {
      const { backbone } = sql.exec<{ backbone: string }>("SELECT DISTINCT backbone FROM embeddings").one();
      return new Embeddings(sql).newest(backbone, "calibration", 10_000, true).map(({ number }) => number);
    });
    expect(certifying.length).toBe(calibration.length - trained.length);
    expect(certifying.filter((number) => trained.some((row) => row.number === number))).toEqual([]);
  });
});

describe("state of an earlier release", () => {
  async function runOfEarlierRelease(): Promise<SteppedRun> {
    const run = await SteppedRun.start(region);
    while ((await run.phase()) === "embed") await run.step();
    await region.rows("DELETE FROM run_state");
    await evictDurableObject(region.stub);
    await run.finish();
    return run;
  }

  it("goes on: a run that it started holds samples out, as it began", async () => {
    await region.teach(region.labelledQuestions(few));
    const run = await runOfEarlierRelease();
    const { train, validation } = await counted();
    expect(figuresOf(await run.result())).toMatchObject({
      ...{ crossFitted: false, train: train.samples, validation: validation.samples },
    });
  });

  it("has heads that have learned from train alone: all other samples judge them", async () => {
    const labelled = region.labelledQuestions(few + 30);
    await region.teach(labelled.slice(0, few));
    const run = await runOfEarlierRelease();
    expect(await run.result()).toMatchObject({ status: "promoted" });
    await region.rows("UPDATE runs SET report = json_remove(report, '$.crossFitted')");
    const { train } = await counted();
    await region.teach(labelled.slice(few));
    expect(figuresOf(await region.retrain())).toMatchObject({
      ...{ crossFitted: true, train: few + 30, questions: few + 30 - train.samples },
    });
  });
});
