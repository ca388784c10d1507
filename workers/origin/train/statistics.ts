import type { ColumnPlan, DatePart } from "#core/contract/index.ts";
import { dateOf, numberOf, scaled } from "#core/input/columns.ts";
import { areOutliers, fencesOf, isSkewed } from "../recipes/number-shape.ts";

/** Values of a category that fewer training rows have are answered as one "other". */
const listedMinRows = 2;
const listedMax = 60;
const yearMs = 365 * 24 * 3600_000;
const dayMs = 24 * 3600_000;
/** Numbers of a column that tell its shape. */
const sampledNumbers = 10_000;

/** What the training rows hold in one column. */
export class Statistics {
  readonly name: string;
  missing = 0;
  private readonly plan: ColumnPlan;
  private readonly counts = new Map<string, number>();
  private readonly sampleEvery: number;
  private readonly sampled: number[] = [];
  private first = Number.POSITIVE_INFINITY;
  private last = Number.NEGATIVE_INFINITY;
  private hasHours = false;
  private rows = 0;

  constructor(plan: ColumnPlan, rows: number) {
    this.name = plan.name;
    this.plan = plan;
    this.sampleEvery = Math.max(1, Math.floor(rows / sampledNumbers));
  }

  add(value: unknown): void {
    const { plan } = this;
    const row = this.rows++;
    if (value === null || value === "") this.missing++;
    else if (plan.type === "number") this.sample(numberOf(value), row);
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

  /** The sampled numbers in order, limited to the plan's clip. */
  numbers(): Float64Array {
    const { plan } = this;
    const clip = plan.type === "number" ? plan.clip : undefined;
    return Float64Array.from(this.sampled, (value) => scaled({ clip }, value)).sort();
  }

  private sample(value: number | null, row: number): void {
    // Few numbers among missing values are all kept.
    if (value !== null && (row % this.sampleEvery === 0 || this.sampled.length < sampledNumbers / 10)) {
      this.sampled.push(value);
    }
  }

  private addDate(at: number | null): void {
    if (at === null) return;
    this.first = Math.min(this.first, at);
    this.last = Math.max(this.last, at);
    this.hasHours ||= at % dayMs !== 0;
  }
}

/** The scale of a number column, with its outliers moved to the range of the rest. */
export interface NumberFit {
  mean: number;
  deviation: number;
  clip?: [number, number];
  log?: true;
}

/** Fits mean, deviation and clip of a number column in one pass over its values. */
export class NumberScaler {
  private readonly clip: [number, number] | undefined;
  private readonly fences: [number, number] | null;
  private readonly log: boolean;
  private readonly inside: Moments;
  private readonly all: Moments;
  private readonly range: [number, number] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  private readonly outside = { below: 0, above: 0 };

  /** @param log `always`, or `skewed`: only where the sampled numbers have a long tail */
  constructor(clip: [number, number] | undefined, sampled: Float64Array, log: "always" | "skewed" | "never") {
    this.clip = clip;
    this.fences = clip ? null : fencesOf(sampled);
    const { fences } = this;
    const usual = fences ? sampled.filter((value) => value >= fences[0] && value <= fences[1]) : sampled;
    this.log = log === "always" || (log === "skewed" && isSkewed(usual));
    this.inside = new Moments();
    this.all = new Moments();
  }

  add(value: number): void {
    const own = this.scaled(value);
    this.all.add(own);
    const { fences, range } = this;
    if (fences && value < fences[0]) this.outside.below++;
    else if (fences && value > fences[1]) this.outside.above++;
    else {
      this.inside.add(own);
      range[0] = Math.min(range[0], value);
      range[1] = Math.max(range[1], value);
    }
  }

  fit(): NumberFit {
    const { below, above } = this.outside;
    const log = this.log ? { log: true as const } : {};
    if (!areOutliers(below + above, this.all.n)) {
      return { ...this.all.fit(), ...(this.clip ? { clip: this.clip } : {}), ...log };
    }
    // Outliers count as the nearest of the rest.
    for (let i = 0; i < below; i++) this.inside.add(this.scaled(this.range[0]));
    for (let i = 0; i < above; i++) this.inside.add(this.scaled(this.range[1]));
    return { ...this.inside.fit(), clip: [...this.range], ...log };
  }

  private scaled(value: number): number {
    return scaled({ clip: this.clip, log: this.log || undefined }, value);
  }
}

/** Mean and deviation in one pass (Welford's algorithm). */
class Moments {
  n = 0;
  private mean = 0;
  private squares = 0;

  add(value: number): void {
    this.n++;
    const before = value - this.mean;
    this.mean += before / this.n;
    this.squares += before * (value - this.mean);
  }

  fit(): { mean: number; deviation: number } {
    const deviation = Math.sqrt(this.squares / this.n);
    return { mean: this.mean, deviation: deviation > 0 ? deviation : 1 };
  }
}
