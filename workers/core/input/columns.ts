import type { DatePart, Instance, NamedColumn } from "../contract/index.ts";
import { bucketOf, hashWords } from "./hashing.ts";
import { writeNgrams } from "./ngrams.ts";

/** The value of a column in an instance. */
export type Value = Exclude<Instance, unknown[]>[string];

/** Writes a column's values to `out` from `at` on. Returns what was expected if the value does not match, else null. */
type Write<C> = (column: C, value: NonNullable<Value>, out: Float32Array, at: number) => string | null;

/** How a type of column is encoded. */
interface ColumnType<C> {
  width: (column: C) => number;
  write: Write<C>;
  /** Writes a missing value; zeros unless given. */
  writeMissing?: (column: C, out: Float32Array, at: number) => void;
  /** Describes what the column takes, for errors and documentation. */
  describe: (column: C) => string;
}

type Types = { [T in NamedColumn["type"]]: ColumnType<Extract<NamedColumn, { type: T }>> };

const truths: Record<string, number> = {
  true: 1,
  yes: 1,
  y: 1,
  t: 1,
  "1": 1,
  false: -1,
  no: -1,
  n: -1,
  f: -1,
  "0": -1,
};
const dayMs = 24 * 3600_000;
const periods: Record<DatePart, number> = { dayOfYear: 365.25, weekday: 7, hour: 24 };
const listedMax = 20;

const types: Types = {
  number: {
    width: ({ knots }) => (knots ? knots.length - 1 : 1),
    write: (column, value, out, at) => {
      const number = numberOf(value);
      if (number === null) return "a finite number or null";
      writeNumber(column, scaled(column, number), out, at);
      return Number.isFinite(out[at]) ? null : "a number whose standard score is a finite float32";
    },
    writeMissing: (column, out, at) => {
      writeNumber(column, column.missing === undefined ? column.mean : scaled(column, column.missing), out, at);
    },
    describe: () => "a number",
  },
  boolean: {
    width: () => 1,
    write: (_, value, out, at) => {
      const truth = truthOf(value);
      if (truth === null) return "true or false, or null";
      out[at] = truth;
      return null;
    },
    describe: () => "true or false",
  },
  cycle: {
    width: () => 2,
    write: ({ period }, value, out, at) => {
      const number = numberOf(value);
      if (number === null) return "a finite number or null";
      writeCycle(out, at, number, period);
      return null;
    },
    describe: ({ period }) => `a number with period ${period}`,
  },
  date: {
    width: ({ parts }) => 2 * parts.length,
    write: ({ parts }, value, out, at) => {
      const time = dateOf(value);
      if (time === null) return "a date such as 2026-01-31 or 2026-01-31T12:00:00Z, or null";
      for (const [i, part] of parts.entries()) writeCycle(out, at + 2 * i, partOf(part, time), periods[part]);
      return null;
    },
    describe: () => "a date",
  },
  category: {
    width: ({ values, vectors, other }) => vectors?.[0]?.length ?? values.length + (other ? 1 : 0),
    write: (column, value, out, at) => {
      const index = column.values.indexOf(String(value));
      if (index < 0) {
        if (!column.other) return `one of ${listed(column.values)}, or null`;
        if (!column.vectors) out[at + column.values.length] = 1;
      } else if (column.vectors) out.set(column.vectors[index] as number[], at);
      else out[at + index] = 1;
      return null;
    },
    writeMissing: ({ missing }, out, at) => {
      if (missing) out.set(missing, at);
    },
    describe: ({ values, other }) => `one of ${listed(values)}${other ? ", or another value" : ""}`,
  },
  hashed: {
    width: ({ buckets }) => buckets,
    write: ({ buckets }, value, out, at) => {
      out[at + bucketOf(String(value), buckets)] = 1;
      return null;
    },
    describe: () => "any value",
  },
  text: {
    width: ({ buckets, terms }) => (terms === undefined ? buckets : 2 * terms),
    write: ({ buckets, terms }, value, out, at) => {
      if (terms === undefined) hashWords(String(value), out.subarray(at, at + buckets));
      else writeNgrams(String(value), { buckets, terms }, out.subarray(at, at + 2 * terms));
      return null;
    },
    describe: () => "text",
  },
};

/** Returns the number of values that a column is encoded to. */
export function columnWidth(column: NamedColumn): number {
  return typeOf(column).width(column) + (column.indicator ? 1 : 0);
}

/** Encodes one value to `out` from `at` on. Returns what was expected if the value does not match, else null. */
export function writeColumn(column: NamedColumn, value: Value, out: Float32Array, at: number): string | null {
  if (Array.isArray(value)) return describeColumn(column);
  const type = typeOf(column);
  if (!isMissing(column, value)) return type.write(column, value as NonNullable<Value>, out, at);
  if (column.required) return type.describe(column);
  type.writeMissing?.(column, out, at);
  if (column.indicator) out[at + type.width(column)] = 1;
  return null;
}

// An empty string counts as a value if the column lists it.
function isMissing(column: NamedColumn, value: Value): boolean {
  return value === null || (value === "" && !(column.type === "category" && column.values.includes("")));
}

/** Describes what a column takes. */
export function describeColumn(column: NamedColumn): string {
  return typeOf(column).describe(column);
}

/** Limits a number to the column's `clip`, and takes its logarithm if the column has `log`. */
export function scaled({ clip, log }: NumberColumn | ScaledPlan, value: number): number {
  const within = clip ? Math.min(clip[1], Math.max(clip[0], value)) : value;
  return log ? Math.sign(within) * Math.log1p(Math.abs(within)) : within;
}

type NumberColumn = Extract<NamedColumn, { type: "number" }>;

/** The scaling of a number column before it is fitted. */
interface ScaledPlan {
  clip?: [number, number] | undefined;
  log?: true | undefined;
}

/** Reads a number, given as a number or as the text of one; null for anything else. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(Math.fround(value)) ? value : null;
  if (typeof value !== "string" || !numberPattern.test(value)) return null;
  return numberOf(Number(value));
}

const numberPattern = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** Reads true as 1 and false as −1, given as a boolean, 0 or 1, or a word for either; null for anything else. */
export function truthOf(value: unknown): number | null {
  return truths[String(value).trim().toLowerCase()] ?? null;
}

/** Reads a time, given as ISO 8601 (UTC unless it names a zone) or as ms since 1970; null for anything else. */
export function dateOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  const [, day, time = "", zone = "Z"] = datePattern.exec(String(value).trim()) ?? [];
  if (day === undefined) return null;
  const at = Date.parse(`${day}T${time === "" ? "00:00" : time}${zone}`);
  // Date.parse takes February 30 for March 2.
  return Number.isNaN(at) || !new Date(Date.parse(`${day}T00:00Z`)).toISOString().startsWith(day) ? null : at;
}

const datePattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/;

function partOf(part: DatePart, at: number): number {
  switch (part) {
    case "dayOfYear":
      return Math.floor((at - Date.UTC(new Date(at).getUTCFullYear(), 0, 1)) / dayMs) + 1;
    case "weekday":
      return new Date(at).getUTCDay();
    case "hour":
      return (((at % dayMs) + dayMs) % dayMs) / 3600_000;
  }
}

function writeNumber({ mean, deviation, knots }: NumberColumn, value: number, out: Float32Array, at: number): void {
  if (!knots) {
    out[at] = (value - mean) / deviation;
    return;
  }
  for (let i = 0; i < knots.length - 1; i++) {
    const [low, high] = [knots[i] as number, knots[i + 1] as number];
    out[at + i] = Math.min(1, Math.max(0, (value - low) / (high - low)));
  }
}

function writeCycle(out: Float32Array, offset: number, value: number, period: number): void {
  const angle = (2 * Math.PI * value) / period;
  out[offset] = Math.sin(angle);
  out[offset + 1] = Math.cos(angle);
}

function listed(values: readonly string[]): string {
  if (values.length <= listedMax) return values.join(", ");
  return `${values.slice(0, listedMax).join(", ")} and ${values.length - listedMax} more`;
}

function typeOf<C extends NamedColumn>(column: C): ColumnType<C> {
  return types[column.type] as unknown as ColumnType<C>;
}
