import { describe, expect, it } from "vitest";
import { assignSplit } from "#core/confidence/splits.ts";
import { exampleRecipe, type Recipe } from "#origin/recipes/index.ts";
import type { WeightedRow } from "#origin/train/dataset.ts";
import { assignSplits, type Part, type RowsBySplit } from "#origin/train/splits.ts";

const storefront = exampleRecipe("storefront");
const dayMs = 24 * 3600_000;
const parts: Part[] = ["train", "validation", "calibration", "latest"];

function recipeWith(groupBy: Recipe["policy"]["groupBy"], change: Partial<Recipe> = {}): Recipe {
  return { ...storefront, policy: { ...storefront.policy, groupBy }, ...change };
}
const weeks = recipeWith({ by: "time", days: 7 });

/** Two sites with a row a day each. */
function daily(days: number): WeightedRow[] {
  return Array.from({ length: 2 * days }, (_, i) => {
    const at = Math.floor(i / 2) * dayMs;
    return { region: i % 2 === 0 ? "north" : "south", instance: { x: i }, label: "umbrella", at };
  });
}
const partOf = (splits: RowsBySplit, row: WeightedRow) => parts.find((part) => splits[part].includes(row));
const all = (splits: RowsBySplit) => parts.flatMap((part) => splits[part]);

describe("assigning rows to splits", () => {
  it("keeps a block of time in one split for all sites, as regions do, with the latest blocks apart", async () => {
    const rows = daily(7 * 120);
    const splits = assignSplits(weeks, rows);
    const { report } = splits;
    expect(report).toMatchObject({ groups: 120, calibrationGroups: 40, uncertifiable: null });
    expect(report.latest).toMatchObject({ blocks: 16 });
    for (let block = 0; block < 120; block++) {
      const inBlock = rows.filter(({ at }) => Math.floor(at / (7 * dayMs)) === block);
      // The last day of a block may stand in a gap.
      const found = new Set(inBlock.map((row) => partOf(splits, row)).filter((part) => part !== undefined));
      expect(found.size).toBe(1);
      const expected = block >= 104 ? "latest" : (await assignSplit(splits.splits, String(block))).split;
      expect([...found]).toEqual([expected]);
    }
    expect(new Set(splits.groups.latest).size).toBe(16);
  });

  it("leaves out rows whose labels reach into a block of another split, and counts them", () => {
    const rows = daily(7 * 120);
    const { report, ...splits } = assignSplits(weeks, rows);
    expect(report.inGaps).toBe(rows.length - all({ ...splits, report }).length);
    expect(report.inGaps).toBeGreaterThan(2 * 30);
    expect(assignSplits({ ...weeks, labelDelayDays: 0 }, rows).report.inGaps).toBe(0);
  });

  it("says why few groups certify nothing: under 80 there are too few to calibrate, under 8 content decides", () => {
    const some = assignSplits(weeks, daily(7 * 60));
    expect(some.report).toMatchObject({
      latest: null,
      uncertifiable: expect.stringContaining("60 groups, and at least 80"),
    });
    const few = assignSplits(weeks, daily(7 * 3));
    expect(few.report.uncertifiable).toContain("split by content");
    expect(few.train.length).toBeGreaterThan(few.validation.length);
    expect(few.validation.length * few.calibration.length).toBeGreaterThan(0);
  });

  it("keeps equal rows together where there is neither group nor time", () => {
    const untimed = recipeWith({ by: "content" }, { isTimed: false });
    const rows = Array.from({ length: 600 }, (_, i) => ({
      ...{ region: "north", instance: { x: i % 200 }, label: "umbrella", at: 0 },
    }));
    const splits = assignSplits(untimed, rows);
    const of = (part: Part) => new Set(splits[part].map(({ instance }) => (instance as { x: number }).x));
    expect(of("train").size + of("validation").size + of("calibration").size).toBe(200);
    expect(splits.report).toMatchObject({ groups: 200, latest: null, duplicates: 0 });
  });

  it("leaves a calibration row that equals a training row out, and counts it", () => {
    const rows = daily(7 * 120).map((row, i) =>
      i % 50 === 0 ? { ...row, region: "north", instance: { x: -1 } } : row,
    );
    const { report, calibration, groups } = assignSplits(weeks, rows);
    expect(report.duplicates).toBeGreaterThan(2);
    expect(calibration.some(({ instance }) => (instance as { x: number }).x === -1)).toBe(false);
    expect(groups.calibration).toHaveLength(calibration.length);
    // Where most rows equal others, they are no duplicates: few different ones are possible.
    const coarse = daily(7 * 120).map((row) => ({ ...row, instance: { x: 1 } }));
    expect(assignSplits(weeks, coarse).report.duplicates).toBe(0);
  });
});
