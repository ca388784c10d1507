import { describe, expect, it } from "vitest";
import { describeReport } from "#scripts/replay/describe.ts";
import { allRows } from "#scripts/replay/played.ts";
import { reportOf } from "#scripts/replay/report.ts";
import { gainsOf, summarise, summariseBy } from "#scripts/replay/summary.ts";
import { playedOf } from "./played.ts";

// Four questions of a dry and a wet region; edge or region accepted three of them.
const played = playedOf([
  { day: "2014-12-30", region: "dry", truth: "No", ladder: 0.25, heads: { global: 0.25, regional: 0.1, full: 0.5 } },
  { day: "2014-12-31", region: "wet", truth: "Yes", ladder: 0.75, heads: { global: 0.5, regional: 0.75, full: 0.9 } },
  {
    ...{ day: "2015-01-01", region: "dry", truth: "Yes", rung: "region", ladder: 0.25 },
    heads: { global: 0.25, regional: 0.2 },
  },
  {
    ...{ day: "2015-01-02", region: "wet", truth: "No", rung: "origin", ladder: 0.1 },
    heads: { global: 0.5, regional: 0.4, full: 0.1 },
  },
]);
const rows = allRows(played);

describe("summarise", () => {
  it("evaluates each head on the questions it scored", () => {
    const { questions, heads } = summarise(played, rows);
    expect([questions, Object.keys(heads)]).toEqual([4, ["global", "regional", "full"]]);
    const mean = (...chances: number[]) => -chances.reduce((sum, p) => sum + Math.log(p), 0) / chances.length;
    expect(heads.global?.logLoss).toBeCloseTo(mean(0.75, 0.5, 0.25, 0.5), 12);
    expect(heads.regional?.logLoss).toBeCloseTo(mean(0.9, 0.75, 0.2, 0.6), 12);
    expect(heads.full).toMatchObject({ n: 3, auc: 1 });
    // Positives at 0.75 and 0.2, negatives at 0.1 and 0.4: three of four pairs are in order.
    expect(heads.regional).toMatchObject({ n: 4, auc: 0.75, accuracy: 0.75 });
  });

  it("counts answers by rung, and accepted ones with their error", () => {
    const { rungs, live } = summarise(played, rows);
    expect(rungs).toEqual({ edge: 0.5, region: 0.25, origin: 0.25, human: 0 });
    expect(live).toEqual({ accepted: 3, coverage: 0.75, error: 1 / 3 });
    const unsure = playedOf([{ day: "2015-01-01", truth: "No", accepted: false, ladder: 0.4 }]);
    expect(summarise(unsure, [0]).live).toEqual({ accepted: 0, coverage: 0, error: null });
    const open = playedOf([{ day: "2015-01-01", truth: "No", open: true, ladder: 0.4 }]);
    expect(summarise(open, [0])).toMatchObject({ rungs: { human: 1, edge: 0 }, live: { accepted: 0 } });
  });

  it("finds in how many regions a head beats the global one, and its best and worst region", () => {
    const byRegion = summariseBy(played, rows, (row) => played.region[row] as string);
    const gains = gainsOf(byRegion, "regional");
    expect(gains).toMatchObject({ regions: 2, better: 1, worst: { region: "dry" }, best: { region: "wet" } });
    expect(gains?.best.gain).toBeCloseTo(Math.log((0.75 * 0.6) / 0.25) / 2, 12);
    expect(gains?.worst.gain).toBeCloseTo(Math.log((0.9 * 0.2) / (0.75 * 0.25)) / 2, 12);
    expect(gainsOf(byRegion, "once")).toBeNull();
  });
});

describe("reportOf", () => {
  const report = reportOf(played, {
    ...{
      model: "weather",
      isTimed: true,
      targetRisk: 0.1,
      looks: [],
      origin: [],
      retrains: { promoted: 2 },
      seconds: 3,
    },
    leftOut: { once: "not computed" },
  });

  it("has the same figures by year and by region", () => {
    expect(report).toMatchObject({ model: "weather", from: "2014-12-30", to: "2015-01-02", questions: 4 });
    expect(Object.entries(report.byYear).map(([year, { live }]) => [year, live.error])).toEqual([
      ["2014", 0],
      ["2015", 1],
    ]);
    expect(Object.keys(report.byRegion)).toEqual(["dry", "wet"]);
    expect(Object.keys(report.gains)).toEqual(["regional", "full"]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it("is described in tables, with the controls that are left out", () => {
    const text = describeReport(report);
    expect(text).toContain("weather, 2014-12-30 to 2015-01-02: 4 questions in 3 s; retrains: 2 promoted");
    expect(text).toMatch(/^2015 +0\.0% +50\.0% +50\.0% +0\.0% +50\.0% +100\.0%$/m);
    expect(text).toMatch(/^regional +1 of 2 +wet −0\.2939 +dry \+0\.0204$/m);
    expect(text).toContain("Left out: once (not computed)");
  });
});
