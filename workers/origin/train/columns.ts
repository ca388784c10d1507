import type { Column, Input } from "#core/contract/index.ts";
import type { InputPlan, Row } from "../recipes/index.ts";

/** Turns a plan into an input: fits the mean and deviation of each number column on the training rows. */
export function planInput(plan: InputPlan, rows: readonly Row[]): Input {
  if (plan.kind !== "features") return plan;
  return {
    kind: "features",
    columns: plan.columns.map((column) => (column.type === "number" ? fitNumber(column.name, rows) : column)),
  };
}

function fitNumber(name: string, rows: readonly Row[]): Column {
  let n = 0;
  let mean = 0;
  let squares = 0;
  // Welford's algorithm: stable in one pass.
  for (const { instance } of rows) {
    const value = Array.isArray(instance) ? null : instance[name];
    if (typeof value !== "number") continue;
    n++;
    const before = value - mean;
    mean += before / n;
    squares += before * (value - mean);
  }
  if (n === 0)
    throw new Error(`Column '${name}' has no number in ${rows.length} rows. Check the column's name and the data.`);
  const deviation = Math.sqrt(squares / n);
  return { type: "number", name, mean, deviation: deviation > 0 ? deviation : 1 };
}
