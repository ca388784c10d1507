import { parquetReadObjects } from "hyparquet";
import { describe, expect, it } from "vitest";
import type {
  CanaryState,
  Ladder,
  ModelLadder,
  QuestionWay,
  RegionRun,
  RegionState,
  SampleLine,
  Training,
  VersionList,
} from "#client/index.ts";
import { ndjsonOf, parquetOf } from "#console/pages/data/export.ts";
import { readSamples, type Sample } from "#console/pages/data/read-samples.ts";
import { compareVersions, type Slice, worstOf } from "#console/pages/models/compare.ts";
import { labelsNeeded } from "#console/pages/models/labels-needed.ts";
import { attentionOf } from "#console/pages/overview/attention.ts";
import { labelInWords } from "#console/pages/questions/words.ts";
import { foldRuns } from "#console/pages/regions/fold-runs.ts";
import { ticksOf } from "#console/parts/ticks.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { wrap } from "#scripts/local/output.ts";
import { testModel } from "../helpers/model.ts";
import { seeded } from "../helpers/random.ts";

function run(own: Partial<RegionRun>): RegionRun {
  const times = { at: 0, startedAt: 0, finishedAt: 1 };
  return {
    id: String(Math.random()),
    region: "north",
    base: 1,
    status: "refused",
    reason: null,
    report: null,
    ...times,
    ...own,
  };
}

describe("axes", () => {
  it.for([
    [0, 0.934, 4, [0, 0.25, 0.5, 0.75, 1]],
    [0.702, 0.702, 2, [0.5, 1]],
    [0, 0, 4, [0, 0.25]],
    [3, 1_204, 4, [0, 500, 1_000, 1_500]],
  ] as const)("have round ticks from %d to %d", ([low, high, count, ticks]) => {
    expect(ticksOf(low, high, count)).toEqual(ticks);
  });
});

describe("retrains of a region", () => {
  it("are folded where they ended equally in a row, whatever the figures in the reason", () => {
    const refused = (at: number, delta: string) => run({ at, reason: `not better: Δ log-loss ${delta}` });
    const promoted = run({ at: 5, status: "promoted" });
    const folded = foldRuns([
      refused(9, "+0.2"),
      refused(8, "−1.03"),
      promoted,
      run({ at: 4, status: "promoted" }),
      refused(1, "0"),
    ]);
    expect(folded.map(({ last: { at }, times, firstAt }) => [at, times, firstAt])).toEqual([
      [9, 2, 8],
      [5, 1, 5],
      [4, 1, 4],
      [1, 1, 1],
    ]);
  });
});

describe("a comparison of versions", () => {
  it("finds the slices that lose, marks regressions beyond chance, and says whether the version is worse", async () => {
    const versionOf = async (version: number, accuracy: number, confusion: [number, number, number][]) => {
      const { manifest } = await testModel({ model: "compared", version });
      const metrics = {
        n: 1_000,
        logLoss: 1 - accuracy,
        auc: null,
        accuracy,
        coverage: { "0.05": accuracy },
        confusion,
      };
      return { ...(manifest as ClassifyManifest), metrics: { thin: metrics, full: null } };
    };
    const before = await versionOf(1, 0.8, [
      [0, 0, 90],
      [0, 1, 10],
      [1, 1, 50],
      [2, 2, 7],
      [2, 0, 3],
    ]);
    const after = await versionOf(2, 0.795, [
      [0, 0, 60],
      [0, 1, 40],
      [1, 1, 50],
      [2, 2, 6],
      [2, 0, 4],
    ]);
    const comparisonOf = (regional: number, global: number) => ({
      comparison: {
        questions: 100,
        regional: { accuracy: regional, logLoss: 1 },
        global: { accuracy: global, logLoss: 1 },
      },
    });
    const runs = [
      run({ base: 2, status: "refused", report: comparisonOf(0.9, 0.6) }),
      run({ base: 1, status: "promoted", report: comparisonOf(0.85, 0.7) }),
      run({ base: 2, region: "south", report: comparisonOf(0.9, 0.9) }),
    ];
    const comparison = compareVersions(before, after, runs);
    const named = (slices: readonly Slice[]) => slices.map(({ name, metric }) => `${name} ${metric}`);
    // Half a point of 1,000 questions is within chance, and one of ten of a class as well.
    expect([comparison.isLower, named(comparison.regressions)]).toEqual([true, ["a recall", "north accuracy"]]);
    expect(named(worstOf(comparison))).toEqual(["a recall", "north accuracy", "c recall"]);
    const poor = compareVersions(before, await versionOf(3, 0.7, []), []);
    expect([poor.isLower, named(poor.regressions)]).toEqual([true, ["thin accuracy"]]);
    const better = compareVersions(after, before, []);
    expect([better.isLower, better.regressions, worstOf(better)]).toEqual([false, [], []]);
  });

  it("marks hardly any of many classes where only chance makes them differ", async () => {
    const { manifest } = await testModel({ model: "compared", version: 1 });
    const labels = Array.from({ length: 100 }, (_, i) => `class ${i}`);
    const random = seeded(7);
    const version = () => {
      const confusion = labels.flatMap((_, i): [number, number, number][] => {
        const right = Array.from({ length: 40 }, random).filter((unit) => unit < 0.9).length;
        return [
          [i, i, right],
          [i, (i + 1) % 100, 40 - right],
        ];
      });
      const metrics = { ...(manifest as ClassifyManifest).metrics.thin, n: 4_000, accuracy: 0.9, confusion };
      return { ...(manifest as ClassifyManifest), labels, metrics: { thin: metrics, full: null } };
    };
    const marked = Array.from({ length: 40 }, () => compareVersions(version(), version(), [])).filter(
      ({ regressions }) => regressions.length > 0,
    );
    // At most one in twenty on average; without the correction it would be nearly all of them.
    expect(marked.length).toBeLessThanOrEqual(5);
  });

  it("judges by the same questions where a training or a canary has compared them", async () => {
    const versionOf = async (version: number) =>
      (await testModel({ model: "compared", version })).manifest as ClassifyManifest;
    const [before, after] = [await versionOf(1), await versionOf(2)];
    const found = (paired: object) => {
      const none = { canary: null, trainings: [], history: [] };
      const { slices, regressions } = compareVersions(before, after, [], { ...none, ...paired });
      const own = slices
        .filter(({ metric }) => metric.includes("same"))
        .map(({ metric, interval }) => [metric, interval]);
      return { own, marked: regressions.length };
    };
    const history = [{ at: 5, region: null, action: "stable", version: 1 }] as unknown as VersionList["history"];
    const training = (createdAt: number, difference: number, bound: number) => {
      const verdict = { promoted: true, reason: "", difference, bound };
      return { version: 2, createdAt: new Date(createdAt).toISOString(), verdict } as Training;
    };
    const worse = found({ history, trainings: [training(6, 0.02, 0.03)] });
    expect(worse).toMatchObject({ own: [["log-loss, same rows", { low: expect.closeTo(0.0034, 3) }]], marked: 1 });
    expect(found({ history, trainings: [training(6, 0.004, 0.02)] }).marked).toBe(0);
    // It compared with another version.
    expect(found({ history, trainings: [training(4, 0.02, 0.03)] })).toEqual({ own: [], marked: 0 });
    const error = { mean: 0.04, lower: 0.01, upper: 0.07 };
    const canary = (stable: number) =>
      ({ version: 2, stable, verdict: { error, pairs: 300 } }) as unknown as CanaryState;
    expect(found({ canary: canary(1) })).toEqual({
      own: [["error, same questions", { low: 0.01, high: 0.07 }]],
      marked: 1,
    });
    expect(found({ canary: canary(7) }).own).toEqual([]);
  });
});

describe("a canary's meter", () => {
  it.for([
    [{ mean: -0.02, lower: -0.08, upper: 0.04 }, 100, 130],
    [{ mean: 0.05, lower: -0.05, upper: 0.15 }, 100, 300],
    [{ mean: null, lower: -1, upper: 1 }, 0, null],
    [{ mean: 0, lower: -1, upper: 1 }, 10, null],
  ] as const)("says how many more labels decide: %j after %d", ([error, pairs, needed]) => {
    const verdict = { decision: "continue" as const, reason: "…", error, coverage: null, pairs, groups: 10 };
    const plan = { margin: 0.02, coverageMargin: null, delta: 0.05 };
    expect(labelsNeeded({ verdict, plan })).toBe(needed);
  });
});

describe("what needs attention", () => {
  it("is listed with what to do, the worst first, and equal needs of regions together", () => {
    const stateOf = (region: string, own: object) => ({ region, breaker: "closed", ...own }) as RegionState;
    const drift = { drift: { at: 0, alarm: true, against: "…" } };
    const regions = [
      stateOf("north", { certificate: { status: "void" }, ...drift }),
      ...["a", "b", "c", "d"].map((name) => stateOf(name, drift)),
    ];
    const model = { model: "shop", waiting: 3, group: null, unanswered: [] as string[] };
    const nextRung = { up: false, ms: 1, reason: "…" };
    const ladder = { node: "edge", at: 0, nextRung, models: [model] } as unknown as Ladder;
    const trainings = [{ state: "failed", reason: "no disk" }] as Training[];
    const items = attentionOf(ladder, [{ model: "shop", regions, trainings }]);
    expect(items.map(({ kind, title }) => `${kind} ${title}`)).toEqual([
      ...["bad Origin down", "bad Certificate void", "bad Training failed"],
      ...["warn Input drift", "warn Review queue"],
    ]);
    expect(items.every(({ links, command }) => links.length > 0 || command)).toBe(true);
    expect(items[3]?.links.map(({ text }) => text)).toEqual(["north", "a", "b", "c", "all 5"]);
    const quiet = { ...ladder, nextRung: null, models: [{ ...model, waiting: 0 } as ModelLadder] };
    expect(attentionOf(quiet, [])).toEqual([]);
    const unread = attentionOf(quiet, [{ model: "shop", regions: null, trainings: [] }]);
    expect(unread.map(({ title }) => title)).toEqual(["Regions not read"]);
  });
});

describe("the label of a question, in words", () => {
  it.for([
    [{ label: "21.3", tolerance: 0.5 }, "21", false],
    [{ label: "21.7", tolerance: 0.5 }, "21", true],
    [{ label: "a" }, "b", true],
  ] as const)("contradicts the answer %j where the truth %s is no such answer", ([answer, truth, isOther]) => {
    const label = { label: truth, source: "truth", split: "train", labelledAt: 0 };
    const way = { label, answer, accepted: false, inclusionProbability: 0 } as unknown as QuestionWay;
    expect(labelInWords(way).endsWith("The answer says otherwise.")).toBe(isOther);
  });
});

describe("samples", () => {
  const sampleOf = (id: string, own: object = {}) =>
    ({
      id,
      region: "north",
      revision: 1,
      label: "a",
      source: "truth",
      split: "train",
      at: 5,
      labelledAt: 6,
      instance: { x: 1, lookedAt: "feet" },
      ...own,
    }) as unknown as Sample;

  it("are read page by page: later lines replace earlier ones, and forgotten ones go", async () => {
    const pages = [
      [sampleOf("1"), sampleOf("2"), sampleOf("3", { region: "south" })],
      [
        sampleOf("1", { label: "b", at: 9, revision: 8 }),
        { region: "north", id: "2", revision: 9, forgotten: true as const },
      ],
      [
        sampleOf("4", { region: "south", revision: 10 }),
        sampleOf("5", { revision: 12 }),
        { region: "north", id: "5", revision: 11, forgotten: true as const },
        { region: "south", revision: 9, forgotten: "region" as const },
      ],
    ] as SampleLine[][];
    const client = {
      samples: async (_: string, since = "0") => {
        return { lines: pages[Number(since)] ?? [], cursor: String(Number(since) + 1), more: Number(since) < 2 };
      },
    };
    const { samples, isAll } = await readSamples(client, "shop", () => {});
    const labels = samples.map(({ id, label }) => [id, label]);
    expect([Object.fromEntries(labels), isAll]).toEqual([{ 1: "b", 4: "a", 5: "a" }, true]);
  });

  it("are exported as Parquet, with a column for each column of their instances", async () => {
    const samples = [sampleOf("1"), sampleOf("2", { instance: { x: null, lookedAt: "gift", _id: 7 }, at: 86_400_000 })];
    const rows = await parquetReadObjects({ file: await parquetOf(samples).arrayBuffer() });
    expect(rows).toMatchObject([
      { x: 1, lookedAt: "feet", _id: null, __id: "1", _label: "a", _at: new Date(5) },
      { x: null, lookedAt: "gift", _id: 7, __id: "2", _region: "north", _at: new Date(86_400_000) },
    ]);
    const lines = (await ndjsonOf(samples).text()).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(samples);
  });
});

describe("text for a terminal", () => {
  it("is wrapped between words", () => {
    const lines = wrap("certificate: error 0.045, at most 0.096; the target is 0.07", 30);
    expect(lines).toEqual(["    certificate: error 0.045,", "      at most 0.096; the", "      target is 0.07"]);
  });
});
