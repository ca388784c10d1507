import { beforeAll, describe, expect, it } from "vitest";
import { addRow, decodeSums, emptySums, labelsIn } from "#core/head/sums.ts";
import { shardMaxBytes } from "#objects/region/tables/sums.ts";
import { eventually, publish } from "../helpers/edge.ts";
import { type LabelledQuestion, TestRegion } from "../helpers/region.ts";

const policy = { keep: "all", truth: "complete" } as const;

describe("the sums of a wide embedding", () => {
  const region = new TestRegion("wide");
  const width = 256;
  // With fewer classes, one shard would do.
  const labels = ["a", "b", "c", ...Array.from({ length: 420 }, (_, i) => `label ${i}`)];

  beforeAll(async () => {
    await publish({ model: region.model, hidden: [8, width], labels, policy: { ...policy, learning: [] } });
    await region.teach(region.labelledQuestions(60));
    await region.retrain();
  });

  it("are stored in shards that fit a row, those of few labels for all splits", async () => {
    const shards = await region.rows("SELECT fold, shard, length(value) AS bytes FROM sums ORDER BY fold, shard");
    expect(shards.map(({ fold, shard }) => [fold, shard])).toEqual(
      [0, 1, 2, 3, 4].flatMap((fold) => [
        [fold, 0],
        [fold, 1],
      ]),
    );
    for (const { bytes } of shards) expect(bytes).toBeLessThanOrEqual(shardMaxBytes);
  });

  it("are read for aggregation as a plain sum over the embeddings of train, to the last bit", async () => {
    const { bytes, labels: counted } = await region.inside((object) => object.sums(1));
    const sums = decodeSums(width, labels.length, bytes);
    const rows = await region.rows(
      "SELECT s.label, e.vector FROM samples s JOIN embeddings e USING (number) WHERE s.split = 'train' ORDER BY random()",
    );
    const plain = emptySums(width, labels.length);
    for (const { label, vector } of rows) {
      addRow(plain, {
        vector: new Int16Array(vector as ArrayBuffer),
        label: labels.indexOf(label as string),
        weight: 4,
      });
    }
    expect(sums.values).toEqual(plain.values);
    expect([counted, labelsIn(sums)]).toEqual([rows.length, rows.length]);
  });
});

describe("the sums of two backbones", () => {
  const region = new TestRegion("twofold");

  it("contain nothing of a forgotten question, corrected or not", async () => {
    await publish({ model: region.model, policy });
    const labelled = region.labelledQuestions(60);
    const [first, second, ...rest] = labelled as [LabelledQuestion, LabelledQuestion, ...LabelledQuestion[]];
    await region.teach([...rest, { ...first, label: "c" }, second]);
    await region.retrain();
    await publish({ model: region.model, version: 2, seed: 7, policy }, null);
    await runsOn(2);
    await region.teach([first]);
    await retrainBoth();
    for (const { question } of [first, second]) {
      await region.inside((object) => object.forgetQuestion(question.id, null));
    }
    const left = await region.sums();
    expect(new Set(left.map(({ backbone }) => backbone)).size).toBe(2);
    await region.forgetAll();
    await region.teach(rest);
    await retrainBoth();
    expect(left).toEqual(await region.sums());
  });

  const retrainBoth = () =>
    region.inside(async (object) => {
      const runs = [1, 2].map((base) => object.startRetrain(base, 200_000, 20_000));
      for (const { status } of await Promise.all(runs)) expect(status).not.toBe("running");
    });

  const runsOn = (base: number) =>
    eventually(async () => {
      const [run] = await region.rows("SELECT status FROM runs WHERE base = ?", base);
      expect(run).toBeDefined();
      expect(run?.status).not.toBe("running");
    });
});

describe("an alarm that rings twice", () => {
  it("adds nothing twice, even when a label arrives during it", async () => {
    const region = new TestRegion("rung");
    await publish({ model: region.model, policy });
    const labelled = region.labelledQuestions(60);
    await region.teach(labelled);
    await region.retrain();
    const once = await region.sums();
    await region.inside(async (object, { storage }) => {
      const run = await object.startRetrain(1, 200_000, 0);
      const truths = labelled.map(({ label, question }) => ({ id: question.id, label, instance: question.instance }));
      const teacher = { owner: null, source: "truth", labelledAt: 100_000 } as const;
      await Promise.all([object.alarm(), object.recordTruths(1, truths, teacher), object.alarm()]);
      expect(storage.sql.exec("SELECT status FROM runs WHERE id = ?", run.id).one().status).not.toBe("running");
    });
    expect(await region.sums()).toEqual(once);
  });
});
