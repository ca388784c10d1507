import { beforeAll, describe, expect, it } from "vitest";
import type { SampleLine } from "#core/contract/index.ts";
import { mixSamples } from "#origin/learn/mix.ts";
import type { Row } from "#origin/recipes/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { dayMs, sampleOf } from "./sample.ts";

const storefront = exampleRecipe("storefront");

const originLabels = { ...storefront, policy: { ...storefront.policy, originLabelWeight: 0.25 } };

let base: Row[];
beforeAll(async () => {
  base = (await storefront.load({})).slice(0, 400);
});

describe("mixing samples into a training set", () => {
  it("returns the recipe's own rows in time order when there are no samples", () => {
    expect(mixSamples(storefront, base, [])).toEqual(base);
  });

  it("includes each question once, in time order and in the split of the row, for any order of columns", () => {
    const row = base[5] as Row;
    const reordered = Object.fromEntries(Object.entries(row.instance).reverse());
    const mixed = mixSamples(storefront, base, [sampleOf(row, { instance: reordered, label: "sneakers" })]);
    expect(mixed).toHaveLength(base.length);
    expect(mixed.every(({ at }, i) => at >= (mixed[i - 1]?.at ?? 0))).toBe(true);
    expect(mixed.filter(({ source }) => source === "truth")).toMatchObject([{ at: row.at, label: "sneakers" }]);
    const before = assignSplits(storefront, base);
    const after = assignSplits(storefront, mixed);
    const isRow = (one: { at: number; region: string }) => one.at === row.at && one.region === row.region;
    for (const split of ["train", "validation", "calibration"] as const) {
      expect(after[split].some(isRow)).toBe(before[split].some(isRow));
      expect(after[split]).toHaveLength(before[split].length);
    }
  });

  it("includes each question once where rows have no time, whenever it was asked again", () => {
    const untimed = { ...storefront, isTimed: false };
    const rows = base.map(({ region, instance, label }) => ({ region, instance, label, at: 0 }));
    const again = sampleOf({ ...(rows[5] as Row), at: Date.UTC(2026, 0, 1) }, { label: "sneakers" });
    expect(mixSamples(untimed, rows, [again])).toHaveLength(rows.length);
    expect(mixSamples(storefront, rows, [again])).toHaveLength(rows.length + 1);
  });

  it("leaves out what was asked or labelled later, has no instance, or has an unknown label", () => {
    const late = { ...(base[0] as Row), at: Date.UTC(2025, 5, 1) };
    const lines: SampleLine[] = [
      sampleOf(late),
      sampleOf({ ...late, at: Date.UTC(2025, 4, 30) }, { id: "b", labelledAt: Date.UTC(2025, 5, 2) }),
      sampleOf({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "c", instance: null }),
      sampleOf({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "d", label: "boats" }),
      { region: "lagoon", id: "e", revision: 9, forgotten: true },
      sampleOf({ ...late, at: Date.UTC(2025, 4, 20) }, { id: "f" }),
    ];
    const mixed = mixSamples(storefront, base, lines, Date.UTC(2025, 5, 1));
    expect(mixed.filter(({ source }) => source !== undefined)).toHaveLength(1);
  });

  it("uses few labels of tokens without trust, for training only, and lets them replace nothing", () => {
    const row = base[0] as Row;
    const owners = Array.from({ length: 40 }, (_, i) => `sybil ${i < 20 ? 0 : i}`);
    const at = (i: number) => Date.UTC(2025, 0, 1) + i * dayMs;
    const given = owners.map((labelledBy, i) =>
      sampleOf(
        { ...row, label: "sneakers", at: at(i) },
        { id: `${i}`, labelledBy, trusted: false, above: { umbrella: 1 } },
      ),
    );
    const again = sampleOf({ ...row, label: "sneakers" }, { id: "again", labelledBy: "sybil 0", trusted: false });
    const trusted = sampleOf({ ...row, label: "umbrella", at: at(5) }, { id: "true", labelledBy: "backend" });
    const mixed = mixSamples(storefront, base.slice(0, 100), [trusted, again, ...given]);
    const taken = mixed.filter(({ isUntrusted }) => isUntrusted);
    // A tenth of 101, and a twentieth of each.
    expect(taken).toHaveLength(10);
    expect(taken.filter(({ labelledBy }) => labelledBy === "sybil 0")).toHaveLength(5);
    expect(taken.some(({ above }) => above)).toBe(false);
    const has = (one: string) => mixed.some(({ id }) => id === one);
    expect([has("again"), has("5"), has("true")]).toEqual([false, false, true]);
    const { train, validation, calibration } = assignSplits(storefront, mixed);
    expect(train.some(({ isUntrusted }) => isUntrusted)).toBe(true);
    expect([...validation, ...calibration].some(({ isUntrusted }) => isUntrusted)).toBe(false);
  });

  it("uses the origin's labels for training only, at the policy's weight, and not at all when it is 0", () => {
    const lines = Array.from({ length: 30 }, (_, i) =>
      sampleOf({ ...(base[0] as Row), at: Date.UTC(2025, 0, 1) + i * dayMs }, { id: `${i}`, source: "origin" }),
    );
    const { train, validation, calibration } = assignSplits(originLabels, mixSamples(originLabels, base, lines));
    const trained = train.filter(({ source }) => source === "origin");
    expect(trained.length).toBeGreaterThan(10);
    expect(trained.every(({ weight }) => weight === 0.25)).toBe(true);
    expect([...validation, ...calibration].some(({ source }) => source === "origin")).toBe(false);
    expect(mixSamples(storefront, base, lines)).toHaveLength(base.length);
  });
});
