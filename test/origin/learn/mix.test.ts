import { beforeAll, describe, expect, it } from "vitest";
import type { SampleLine } from "#core/contract/index.ts";
import { mixSamples } from "#origin/learn/mix.ts";
import type { Row } from "#origin/recipes/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { assignSplits, type RowsBySplit } from "#origin/train/dataset.ts";
import { dayMs, sampleOf } from "./sample.ts";

const storefront = exampleRecipe("storefront");

const originLabels = { ...storefront, policy: { ...storefront.policy, originLabelWeight: 0.25 } };
const splitNames = ["train", "validation", "calibration"] as const;

let base: Row[];
beforeAll(async () => {
  base = (await storefront.load({})).slice(0, 400);
});
const all = ({ train, validation, calibration }: RowsBySplit) => [...train, ...validation, ...calibration];

describe("mixing samples into a training set", () => {
  it("returns the recipe's own rows in their splits and in time order when there are no samples", async () => {
    const [mixed, assigned] = [await mixSamples(storefront, base, []), await assignSplits(storefront, base)];
    for (const split of splitNames) {
      expect(new Set(mixed[split])).toEqual(new Set(assigned[split]));
      expect(mixed[split].every(({ at }, i) => at >= (mixed[split][i - 1]?.at ?? 0))).toBe(true);
    }
  });

  it("includes each question once, in its sample's split, for any order of columns", async () => {
    const row = base[5] as Row;
    const reordered = Object.fromEntries(Object.entries(row.instance).reverse());
    const splits = await mixSamples(storefront, base, [sampleOf(row, { instance: reordered, label: "sneakers" })]);
    expect(all(splits)).toHaveLength(base.length);
    expect(splits.calibration.filter(({ source }) => source === "truth")).toMatchObject([
      { at: row.at, label: "sneakers" },
    ]);
  });

  it("includes each question once where rows have no time, whenever it was asked again", async () => {
    const untimed = { ...storefront, isTimed: false };
    const rows = base.map(({ region, instance, label }) => ({ region, instance, label, at: 0 }));
    const again = sampleOf({ ...(rows[5] as Row), at: Date.UTC(2026, 0, 1) }, { label: "sneakers" });
    expect(all(await mixSamples(untimed, rows, [again]))).toHaveLength(rows.length);
    expect(all(await mixSamples(storefront, rows, [again]))).toHaveLength(rows.length + 1);
  });

  it("marks a held-out row that was a training row of the recipe", async () => {
    const { train, validation } = await assignSplits(storefront, base);
    const splits = await mixSamples(storefront, base, [sampleOf(train[0] as Row), sampleOf(validation[0] as Row)]);
    const held = splits.calibration.filter(({ source }) => source === "truth");
    expect(held.map(({ seenBefore = false }) => seenBefore).sort()).toEqual([false, true]);
  });

  it("keeps no state: the same sample mixed into another base is not marked", async () => {
    const { train } = await assignSplits(storefront, base);
    const sample = sampleOf(train[0] as Row);
    const marked = (splits: RowsBySplit) => splits.calibration.filter(({ seenBefore }) => seenBefore).length;
    expect(marked(await mixSamples(storefront, base, [sample]))).toBe(1);
    expect(marked(await mixSamples(storefront, base.toSpliced(base.indexOf(train[0] as Row), 1), [sample]))).toBe(0);
  });

  it("leaves out what was asked or labelled later, has no instance, or has an unknown label", async () => {
    const late = { ...(base[0] as Row), at: Date.UTC(2025, 5, 1) };
    const lines: SampleLine[] = [
      sampleOf(late),
      sampleOf({ ...late, at: Date.UTC(2025, 4, 30) }, { id: "b", labelledAt: Date.UTC(2025, 5, 2) }),
      sampleOf({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "c", instance: null }),
      sampleOf({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "d", label: "boats" }),
      { region: "lagoon", id: "e", revision: 9, forgotten: true },
      sampleOf({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "f" }),
    ];
    const splits = await mixSamples(storefront, base, lines, Date.UTC(2025, 5, 1));
    expect(all(splits).filter(({ source }) => source !== undefined)).toHaveLength(1);
  });

  it("uses the origin's labels for training only, at the policy's weight, and not at all when it is 0", async () => {
    const other = { ...(base[0] as Row), at: Date.UTC(2025, 0, 1) };
    const lines = [
      sampleOf(other, { source: "origin", split: "train" }),
      sampleOf({ ...other, at: other.at + dayMs }, { id: "2", source: "origin", split: "validation" }),
    ];
    const splits = await mixSamples(originLabels, base, lines);
    expect(all(splits).filter(({ source }) => source === "origin")).toMatchObject([{ weight: 0.25 }]);
    expect(all(await mixSamples(storefront, base, lines))).toHaveLength(base.length);
  });
});
