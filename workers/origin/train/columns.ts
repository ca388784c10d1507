import type { Column, ColumnPlan, DatePart, Input, NamedColumn } from "#core/contract/index.ts";
import { dateOf, numberOf, scaled } from "#core/input/columns.ts";
import type { FeaturesPlan, InputPlan, Row } from "../recipes/index.ts";

/** Values of a category that fewer training rows have are answered as one "other". */
const listedMinRows = 2;
const listedMax = 60;
const yearMs = 365 * 24 * 3600_000;
const dayMs = 24 * 3600_000;

/** Turns a plan into an input: fits what the plan leaves open on the training rows, in one pass. */
export function planInput(plan: InputPlan, rows: readonly Row[]): Input {
  if (plan.kind !== "features") return plan;
  const statistics = plan.columns.map((column) => (column.type === "region" ? null : new Statistics(column)));
  for (const { instance } of rows) {
    if (Array.isArray(instance)) continue;
    for (const known of statistics) known?.add(instance[known.name] ?? null);
  }
  const columns = plan.columns.map((column, i): Column => {
    return column.type === "region" ? column : fitColumn(column, statistics[i] as Statistics, plan, rows.length);
  });
  return { kind: "features", columns, ...(plan.missing === "allow" ? { mayBeEmpty: true as const } : {}) };
}

function fitColumn(plan: ColumnPlan, found: Statistics, { missing }: FeaturesPlan, rows: number): NamedColumn {
  const common = {
    ...(found.missing === 0 && missing === "refuse" ? { required: true as const } : {}),
    ...(found.missing > 0 && found.missing < rows && !saysMissing(plan) ? { indicator: true as const } : {}),
  };
  switch (plan.type) {
    case "number": {
      if (found.n === 0)
        throw new Error(`Column '${plan.name}' has no number in ${rows} rows. Check the column's name and the data.`);
      const deviation = Math.sqrt(found.squares / found.n);
      const { clip, log, missing: instead } = plan;
      return {
        ...{ type: "number", name: plan.name, ...common, mean: found.mean, deviation: deviation > 0 ? deviation : 1 },
        ...(instead === undefined ? {} : { missing: instead }),
        ...(clip ? { clip } : {}),
        ...(log ? { log } : {}),
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
    default:
      return { ...plan, ...common };
  }
}

// A plan that says what stands for a missing value needs no indicator.
function saysMissing(plan: ColumnPlan): boolean {
  if (plan.type === "category") return plan.vectors !== undefined || plan.missing !== undefined;
  return plan.type === "number" && plan.missing !== undefined;
}

/** What the training rows hold in one column. */
class Statistics {
  readonly name: string;
  missing = 0;
  n = 0;
  mean = 0;
  squares = 0;
  private readonly plan: ColumnPlan;
  private readonly counts = new Map<string, number>();
  private first = Number.POSITIVE_INFINITY;
  private last = Number.NEGATIVE_INFINITY;
  private hasHours = false;

  constructor(plan: ColumnPlan) {
    this.name = plan.name;
    this.plan = plan;
  }

  add(value: unknown): void {
    const { plan } = this;
    if (value === null || value === "") this.missing++;
    else if (plan.type === "number") this.addNumber(numberOf(value));
    else if (plan.type === "category" && !plan.values) {
      const text = String(value);
      this.counts.set(text, (this.counts.get(text) ?? 0) + 1);
    } else if (plan.type === "date" && !plan.parts) this.addDate(dateOf(value));
  }

  /** Lists the values that enough rows have, the most frequent first. */
  frequent(): string[] {
    const sorted = [...this.counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    const listed = sorted.filter(([, n]) => n >= listedMinRows).slice(0, listedMax);
    return (listed.length > 0 ? listed : sorted.slice(0, 1)).map(([text]) => text);
  }

  /** The season needs a year of data, the hour needs times. */
  dateParts(): DatePart[] {
    return [
      ...(this.last - this.first >= yearMs ? (["dayOfYear"] as const) : []),
      "weekday",
      ...(this.hasHours ? (["hour"] as const) : []),
    ];
  }

  // Welford's algorithm: stable in one pass.
  private addNumber(raw: number | null): void {
    if (raw === null || this.plan.type !== "number") return;
    const value = scaled(this.plan, raw);
    this.n++;
    const before = value - this.mean;
    this.mean += before / this.n;
    this.squares += before * (value - this.mean);
  }

  private addDate(at: number | null): void {
    if (at === null) return;
    this.first = Math.min(this.first, at);
    this.last = Math.max(this.last, at);
    this.hasHours ||= at % dayMs !== 0;
  }
}
