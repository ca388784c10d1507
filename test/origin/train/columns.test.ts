import { describe, expect, it } from "vitest";
import type { Column, FeaturesInput } from "#core/contract/index.ts";
import type { ColumnPlan, Row } from "#origin/recipes/index.ts";
import { planInput } from "#origin/train/columns.ts";

type NumberColumn = Extract<Column, { type: "number" }>;

function rowsOf(values: readonly (number | null)[]): Row[] {
  return values.map((x) => ({ region: "world", label: "a", at: 0, instance: { x } }));
}

function fitted(
  values: readonly (number | null)[],
  scale?: "standard" | "log" | "quantile",
  plan: object = {},
): NumberColumn {
  const columns = [{ type: "number", name: "x", ...plan } as ColumnPlan];
  const input = planInput({ kind: "features", columns, missing: "refuse" }, rowsOf(values), scale) as FeaturesInput;
  return input.columns[0] as NumberColumn;
}

const even = Array.from({ length: 1_001 }, (_, i) => i / 10);

describe("a number's scale", () => {
  it("is mean and deviation, with outliers moved to the range of the rest", () => {
    const clean = fitted(even);
    expect(clean.mean).toBeCloseTo(50, 9);
    expect(clean.deviation).toBeCloseTo(Math.sqrt((1_001 ** 2 - 1) / 12) / 10, 9);
    expect(clean).not.toHaveProperty("clip");
    const dirty = fitted([...even, 1e9, -1e9]);
    expect(dirty.clip).toEqual([0, 100]);
    expect(dirty.mean).toBeCloseTo(50, 6);
    expect(dirty.deviation).toBeCloseTo(clean.deviation, 0);
  });

  it("leaves a second kind of value alone, which is no outlier", () => {
    expect(fitted([...even, ...even.map(() => 1e6)])).not.toHaveProperty("clip");
  });

  it("is logarithmic only where a tail is long, unless the column says so", () => {
    const long = even.map((value) => Math.exp(value / 7));
    expect(fitted(long, "log").log).toBe(true);
    expect(fitted(long, "standard")).not.toHaveProperty("log");
    expect(fitted(even, "log")).not.toHaveProperty("log");
    expect(fitted(even, "standard", { scale: "log" }).log).toBe(true);
    expect(fitted(even, "quantile", { log: true })).not.toHaveProperty("knots");
  });

  it("has knots at the quantiles, each once", () => {
    const { knots } = fitted(even, "quantile");
    expect(knots).toHaveLength(17);
    expect(knots?.[4]).toBeCloseTo(25, 1);
    expect(fitted([...even, 1e9], "quantile").knots?.at(-1)).toBe(100);
    expect(fitted([0, 0, 0, 0, 1, 2], "quantile").knots).toEqual([0, 1, 2]);
    expect(fitted([7, 7, 7], "quantile").knots).toEqual([7, 8]);
  });

  it("has an indicator where rows lack the number, and is refused without any", () => {
    expect(fitted([1, null, 3])).toMatchObject({ indicator: true, mean: 2 });
    expect(() => fitted([null, null])).toThrow("Column 'x' has no number in 2 rows.");
  });
});
