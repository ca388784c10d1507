import { beforeAll, describe, expect, it } from "vitest";
import type { Instance } from "#core/contract/index.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { type LabelledQuestion, TestRegion } from "../helpers/region.ts";

const dayMs = 24 * 3600_000;

describe("a new backbone", () => {
  const region = new TestRegion("renewed");

  it("embeds stored inputs again and never mixes with rows of another", async () => {
    await publish({ model: region.model, policy: { keep: "all", truth: "complete" } });
    await region.teach(region.labelledQuestions(80));
    await region.retrain();
    const before = await region.sums();
    await publish({ model: region.model, version: 2, seed: 7 }, null);
    await eventually(async () => {
      const rows = await region.rows(
        "SELECT backbone, count(*) AS n, sum(label IS NOT NULL) AS counted FROM embeddings GROUP BY backbone",
      );
      expect(rows).toHaveLength(2);
      expect(new Set(rows.map(({ counted }) => counted)).size).toBe(1);
      expect(new Set(rows.map(({ n }) => n)).size).toBe(1);
    });
    const after = await region.sums();
    expect(after).toEqual(expect.arrayContaining(before));
    expect(after).toHaveLength(2 * before.length);
  });

  it("starts without samples where the model keeps no inputs", async () => {
    const private_ = new TestRegion("discreet");
    await publish({ model: private_.model, policy: { keep: "all", truth: "complete", keepInputs: false } });
    const labelled = private_.labelledQuestions(60);
    const ids = labelled.map((_, i) => `discreet~north~asked-${i}`);
    await private_.ask(
      labelled.map(({ question }) => question.instance),
      ids,
    );
    await private_.teach(ids.map((id, i) => ({ id, label: (labelled[i] as LabelledQuestion).label })));
    expect(await private_.rows("SELECT DISTINCT instance FROM samples")).toEqual([{ instance: "null" }]);
    expect(await private_.rows("SELECT DISTINCT instance FROM questions")).toEqual([{ instance: "null" }]);
    expect(await private_.retrain(Date.now())).toMatchObject({ report: { train: expect.any(Number) } });
    expect(await private_.sums()).not.toEqual([]);
    await publish(
      { model: private_.model, version: 2, seed: 7, policy: { keep: "all", truth: "complete", keepInputs: false } },
      null,
    );
    await eventually(async () => {
      const [run] = await private_.rows("SELECT status, report FROM runs WHERE base = 2");
      expect(run).toMatchObject({ status: "skipped" });
      expect(JSON.parse(run?.report as string)).toMatchObject({ train: 0, validation: 0 });
    });
  });
});

describe("what weighs in the sums", () => {
  it("weights origin labels by a quarter where there are others", async () => {
    const weights = await Promise.all(
      [0.25, 0].map(async (originLabelWeight, i) => {
        const region = new TestRegion(`weighed-${i}`);
        await publish({ model: region.model, policy: { keep: "all", truth: "complete", originLabelWeight } });
        await region.teach(region.labelledQuestions(40));
        await region.rows("UPDATE samples SET source = 'origin' WHERE number <= 20");
        await region.retrain();
        return region.rows(
          "SELECT DISTINCT s.source, e.weight FROM samples s JOIN embeddings e USING (number) WHERE split = 'train' ORDER BY s.source",
        );
      }),
    );
    expect(weights).toEqual([
      [
        { source: "origin", weight: 1 },
        { source: "truth", weight: 4 },
      ],
      [
        { source: "origin", weight: null },
        { source: "truth", weight: 4 },
      ],
    ]);
  });
});

describe("drift of the input", () => {
  const region = new TestRegion("drifting");
  const now = Date.now();

  beforeAll(async () => {
    await publish({
      model: region.model,
      hidden: [8, 4],
      policy: { keep: "all", truth: "complete", groupBy: { by: "field", name: "x3" } },
    });
  });

  /** Returns a year of labelled questions, a few a day; in the last month x0 is shifted. */
  function year(shift: number): LabelledQuestion[] {
    return region.labelledQuestions(730).map(({ label, question }, i) => {
      const at = now - (365 - Math.floor(i / 2)) * dayMs;
      const instance = question.instance as Record<string, number>;
      const moved = now - at < 30 * dayMs ? { ...instance, x0: (instance.x0 as number) + shift } : instance;
      return { label, question: { ...question, instance: moved as Instance, at } };
    });
  }

  it.each([
    { shift: 0, alarm: false },
    { shift: 6, alarm: true },
  ])("by $shift is seen: $alarm, and only then brings the retrain forward", async ({ shift, alarm }) => {
    await region.forgetAll();
    await region.teach(year(shift), now);
    await region.retrain(now);
    expect((await region.inside((object) => object.state(1))).drift).toMatchObject({ alarm, against: "before" });
    expect((await region.reportNow()).includes("drift of north")).toBe(alarm);
    const due = async () => (await region.rows("SELECT due FROM jobs WHERE kind = 'schedule'"))[0]?.due as number;
    const before = await due();
    await region.inside(async (object, { storage }) => {
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'drift'");
      await object.alarm();
    });
    await eventually(async () => {
      const runs = (await region.rows("SELECT count(*) AS n FROM runs"))[0]?.n as number;
      expect(runs > 1 || (await due()) < before).toBe(alarm);
    });
  });

  it("is part of the region's state over HTTP", async () => {
    const { regions } = await (await expectOk(call("GET", `/v1/models/${region.model}/regions?fresh=true`))).json<{
      regions: { drift: unknown; certificate: unknown; bytes: number }[];
    }>();
    expect(regions[0]).toMatchObject({ drift: { alarm: true, p: expect.any(Number) }, archived: 0 });
    expect(regions[0]?.bytes).toBeGreaterThan(0);
  });
});
