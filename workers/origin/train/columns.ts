import {
  type Column,
  type ColumnPlan,
  type Input,
  type NamedColumn,
  type NumberScale,
  termsMax,
} from "#core/contract/index.ts";
import { numberOf, scaled } from "#core/input/columns.ts";
import { countNgrams } from "#core/input/ngrams.ts";
import { own } from "#core/own.ts";
import type { FeaturesPlan, InputPlan, Row } from "../recipes/index.ts";
import { type NumberFit, NumberScaler, Statistics } from "./statistics.ts";

type NumberPlan = Extract<ColumnPlan, { type: "number" }>;
type NumberColumn = Extract<NamedColumn, { type: "number" }>;

/** Intervals between the quantiles of a number. */
const quantileIntervals = 16;

/**
 * Turns a plan into an input: fits what the plan leaves open on the training rows.
 * @param chosen the scale of numbers where the plan names none
 */
export function planInput(plan: InputPlan, rows: readonly Row[], chosen: NumberScale = "standard"): Input {
  if (plan.kind !== "features") return plan;
  const statistics = plan.columns.map((column) =>
    column.type === "region" ? null : new Statistics(column, rows.length),
  );
  for (const { instance } of rows) {
    if (Array.isArray(instance)) continue;
    for (const known of statistics) known?.add(own(instance, known.name) ?? null);
  }
  const numbers = fitNumbers(plan, statistics, rows, plan.scale ?? chosen);
  const columns = plan.columns.map((column, i): Column => {
    if (column.type === "region") return column;
    if (column.type === "text" && column.encoding === "ngrams") {
      return fitNgrams(column, statistics[i] as Statistics, plan, rows);
    }
    return fitColumn(column, statistics[i] as Statistics, numbers.get(column), plan, rows.length);
  });
  return { kind: "features", columns, ...(plan.missing === "allow" ? { mayBeEmpty: true as const } : {}) };
}

/** Whether a plan leaves open how some of its numbers are scaled. */
export function isScaleOpen(plan: InputPlan): boolean {
  if (plan.kind !== "features" || plan.scale) return false;
  return plan.columns.some((column) => column.type === "number" && scaleOf(column) === null);
}

/** The scale that a number column's own plan names. */
function scaleOf({ scale, log }: NumberPlan): NumberScale | null {
  return scale ?? (log ? "log" : null);
}

/** Fits the scale of each number column. A second pass: outliers are known only after the first. */
function fitNumbers(
  plan: FeaturesPlan,
  statistics: readonly (Statistics | null)[],
  rows: readonly Row[],
  chosen: NumberScale,
): Map<ColumnPlan, NumberFit & Pick<NumberColumn, "knots">> {
  const scalers = plan.columns.flatMap((column, i) => {
    if (column.type !== "number") return [];
    const sampled = (statistics[i] as Statistics).numbers();
    if (sampled.length === 0) {
      const { name } = column;
      throw new Error(`Column '${name}' has no number in ${rows.length} rows. Check the column's name and the data.`);
    }
    const scale = scaleOf(column) ?? chosen;
    const log = scale !== "log" ? "never" : scaleOf(column) === null ? "skewed" : "always";
    return [{ column, scale, sampled, scaler: new NumberScaler(column.clip, sampled, log) }];
  });
  for (const { instance } of rows) {
    if (Array.isArray(instance)) continue;
    for (const { column, scaler } of scalers) {
      const value = numberOf(own(instance, column.name) ?? null);
      if (value !== null) scaler.add(value);
    }
  }
  return new Map(
    scalers.map(({ column, scale, sampled, scaler }) => {
      const fit = scaler.fit();
      return [column, scale === "quantile" ? { ...fit, knots: knotsOf(sampled, fit) } : fit];
    }),
  );
}

/** The quantiles of sorted numbers, each once. */
function knotsOf(sorted: Float64Array, fit: NumberFit): number[] {
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] as number;
  const all = Array.from({ length: quantileIntervals + 1 }, (_, i) => scaled(fit, at(i / quantileIntervals)));
  const knots = [...new Set(all)];
  return knots.length > 1 ? knots : [knots[0] as number, (knots[0] as number) + 1];
}

/** Room for the longest training text and a quarter more. */
function fitNgrams(
  { name, buckets, terms }: Extract<ColumnPlan, { type: "text" }>,
  found: Statistics,
  { missing }: FeaturesPlan,
  rows: readonly Row[],
): NamedColumn {
  const longest = (text: unknown, top: number) =>
    typeof text === "string" ? Math.max(top, countNgrams(text, { buckets, terms: termsMax })) : top;
  const most = rows.reduce(
    (top, { instance }) => (Array.isArray(instance) ? top : longest(own(instance, name), top)),
    1,
  );
  return {
    ...{ type: "text", name, buckets, terms: terms ?? Math.min(termsMax, Math.ceil((1.25 * most) / 64) * 64) },
    ...(found.missing === 0 && missing === "refuse" ? { required: true as const } : {}),
  };
}

function fitColumn(
  plan: ColumnPlan,
  found: Statistics,
  fit: (NumberFit & Pick<NumberColumn, "knots">) | undefined,
  { missing }: FeaturesPlan,
  rows: number,
): NamedColumn {
  const common = {
    ...(found.missing === 0 && missing === "refuse" ? { required: true as const } : {}),
    ...(found.missing > 0 && found.missing < rows && !saysMissing(plan) ? { indicator: true as const } : {}),
  };
  switch (plan.type) {
    case "number": {
      const { name, missing: instead } = plan;
      return {
        ...{ type: "number", name, ...common },
        ...(fit as NumberFit),
        ...(instead === undefined ? {} : { missing: instead }),
      };
    }
    case "category": {
      const { values = found.frequent(), other = plan.values === undefined, vectors, missing: instead } = plan;
      return {
        ...{ type: "category", name: plan.name, ...common, values },
        ...(other ? { other: true as const } : {}),
        ...(vectors ? { vectors } : {}),
        ...(instead ? { missing: instead } : {}),
      };
    }
    case "date":
      return { ...plan, ...common, parts: plan.parts ?? found.dateParts() };
    case "text":
      return { type: "text", name: plan.name, buckets: plan.buckets, ...common };
    default:
      return { ...plan, ...common };
  }
}

// A plan that says what stands for a missing value needs no indicator.
function saysMissing(plan: ColumnPlan): boolean {
  if (plan.type === "category") return plan.vectors !== undefined || plan.missing !== undefined;
  return plan.type === "number" && plan.missing !== undefined;
}
