import type { Column, FeaturesInput } from "../../core/contract/index.ts";
import type { ColumnPlan, Row } from "../recipes/index.ts";

/** Turns a plan's columns into an input, with each number's mean and deviation over the training rows. */
export function planInput(plans: readonly ColumnPlan[], rows: readonly Row[]): FeaturesInput {
  return {
    kind: "features",
    columns: plans.map((plan) => (plan.type === "number" ? fitNumber(plan.name, rows) : plan)),
  };
}

function fitNumber(name: string, rows: readonly Row[]): Column {
  let n = 0;
  let mean = 0;
  let squares = 0;
  // Welford's running form: stable in one pass.
  for (const { instance } of rows) {
    const value = instance[name];
    if (typeof value !== "number") continue;
    n++;
    const before = value - mean;
    mean += before / n;
    squares += before * (value - mean);
  }
  if (n === 0) throw new Error(`Error in planInput: column '${name}' has no number in ${rows.length} rows`);
  const deviation = Math.sqrt(squares / n);
  return { type: "number", name, mean, deviation: deviation > 0 ? deviation : 1 };
}
