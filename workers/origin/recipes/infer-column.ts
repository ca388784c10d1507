import type { ColumnPlan } from "#core/contract/index.ts";
import { dateOf, numberOf, truthOf } from "#core/input/columns.ts";
import { isMissingText, type TableColumn } from "../table/table.ts";
import { clipOf } from "./number-shape.ts";
import { isNoLabel } from "./rows.ts";

/** Enough for the n-grams of some ten thousand texts, and few enough for a backbone of less than 1 MB. */
const textBuckets = 16_384;

/** What was found in a column, and the plan of how to use it; null for a column that is left out. */
export interface ColumnFinding {
  name: string;
  plan: ColumnPlan | null;
  /** Why it is left out. */
  ignored: string | null;
  missing: number;
  /** Things to look at, each with rows and what to do. */
  warnings: string[];
  /** How well the column alone predicts the label, if that is suspicious. */
  leak: number | null;
}

/** A category with more values is hashed. */
const listedMax = 60;
const bucketsMax = 512;
/** At most this share of a column's values may be unreadable as its type. */
const oddShareMax = 0.02;
const sampleRows = 200_000;

const cycles: [RegExp, number, [number, number]][] = [
  [/^(hour|hr)$|_hour$|^hour_?of_?day$/i, 24, [0, 24]],
  [/^month$|_month$/i, 12, [1, 12]],
  [/^(weekday|dow|day_?of_?week)$/i, 7, [0, 7]],
  [/^(doy|day_?of_?year)$/i, 365.25, [1, 366]],
];
const idName = /(^|[_\s-])(id|uuid|guid|key|index|row|no|nr)$|^(id|uuid|guid|index|unnamed: 0|rownames?)$|Id$|ID$/;

/** Finds out what a column holds, and how it predicts the label. */
export function inferColumn(column: TableColumn, label: TableColumn): ColumnFinding {
  const { name, rows } = column;
  const finding: ColumnFinding = { name, plan: null, ignored: null, missing: 0, warnings: [], leak: null };
  if (column.isLong) return inferNumber(column, label, finding, column.counts());
  const counts = column.counts();
  const present = [...counts].filter(([text]) => !isMissingText(text));
  finding.missing = rows - sum(present);
  const values = present.map(([text]) => text);
  const known = rows - finding.missing;
  if (values.length === 0) return { ...finding, ignored: "it is empty" };
  if (values.length === 1 && finding.missing === 0) return { ...finding, ignored: `it is always '${values[0]}'` };
  if (isMost(present, known, (text) => numberOf(text) !== null) && !values.some(hasLeadingZero)) {
    return inferNumber(column, label, finding, counts);
  }
  if (values.length <= 2 && values.every((text) => truthOf(text) !== null)) {
    return withLeak({ ...finding, plan: { type: "boolean", name } }, column, label);
  }
  if (isMost(present, known, (text) => dateOf(text) !== null)) {
    noteOdd(finding, column, (text) => dateOf(text) !== null, "a date");
    return { ...finding, plan: { type: "date", name } };
  }
  noteLookalikes(finding, column, values);
  const words = values.slice(0, 1_000).reduce((all, text) => all + text.trim().split(/\s+/).length, 0);
  if (words / Math.min(values.length, 1_000) >= 3 && values.length > Math.min(50, known / 4)) {
    return { ...finding, plan: { type: "text", name, buckets: textBuckets, encoding: "ngrams" } };
  }
  if (values.length > 20 && values.length >= 0.95 * known) {
    return { ...finding, ignored: `it identifies the row: ${values.length} different values` };
  }
  if (values.length > listedMax) {
    const buckets = Math.min(bucketsMax, 2 ** Math.ceil(Math.log2(values.length)));
    return withLeak({ ...finding, plan: { type: "hashed", name, buckets } }, column, label);
  }
  return withLeak({ ...finding, plan: { type: "category", name } }, column, label);
}

function inferNumber(
  column: TableColumn,
  label: TableColumn,
  finding: ColumnFinding,
  counts: ReadonlyMap<string, number>,
): ColumnFinding {
  const { name, rows } = column;
  noteOdd(finding, column, (text) => numberOf(text) !== null, "a number");
  noteNaN(finding, column);
  const numbers: number[] = [];
  let isWhole = true;
  let isRising = true;
  let before = Number.NEGATIVE_INFINITY;
  const step = Math.max(1, Math.floor(rows / sampleRows));
  for (let row = 0; row < rows; row++) {
    const value = column.number(row);
    if (Number.isNaN(value)) continue;
    isWhole &&= Number.isInteger(value);
    isRising &&= value > before;
    before = value;
    if (row % step === 0) numbers.push(value);
  }
  if (column.isLong) finding.missing = rows - countNumbers(column);
  const known = rows - finding.missing;
  const isDifferent = column.isLong ? isRising : counts.size >= known;
  if (isWhole && known > 20 && (isRising || (isDifferent && idName.test(name)))) {
    return { ...finding, ignored: isRising ? "it counts the rows" : "it identifies the row" };
  }
  const distinct = new Set(numbers);
  if (distinct.size === 2 && distinct.has(0) && distinct.has(1)) {
    return withLeak({ ...finding, plan: { type: "boolean", name } }, column, label);
  }
  const sorted = Float64Array.from(numbers).sort();
  const cycle = cycles.find(([pattern, , [low, high]]) => {
    return pattern.test(name) && (sorted[0] as number) >= low && (sorted.at(-1) as number) <= high && isWhole;
  });
  if (cycle) return withLeak({ ...finding, plan: { type: "cycle", name, period: cycle[1] } }, column, label);
  const clip = clipOf(sorted);
  if (clip) {
    const isOut = (text: string) => {
      const value = numberOf(text);
      return value !== null && (value < clip[0] || value > clip[1]);
    };
    const found = column.rowsWhere(isOut);
    const named = found.map((row) => `row ${row}: ${column.text(row - 1)}`).join(", ");
    finding.warnings.push(
      `'${name}' has outliers (${named}); the rest lies within ${short(clip[0])} to ${short(clip[1])}, to which they are ` +
        "moved. Correct them, or change the column's clip.",
    );
  }
  const plan: ColumnPlan = {
    ...{ type: "number" as const, name },
    ...(clip ? { clip } : {}),
  };
  return withLeak({ ...finding, plan }, column, label);
}

function countNumbers(column: TableColumn): number {
  let n = 0;
  for (let row = 0; row < column.rows; row++) if (!Number.isNaN(column.number(row))) n++;
  return n;
}

const leakRows = 20_000;
const leakShare = 0.98;
/** A number is cut into bins of at least this many rows. */
const binRows = 8;
const binsMax = 100;

/** Sets how well the column alone predicts the label on other rows, if it does so almost always. */
function withLeak(finding: ColumnFinding, column: TableColumn, label: TableColumn): ColumnFinding {
  const step = Math.max(1, Math.floor(column.rows / leakRows));
  const rows: { key: string; label: string }[] = [];
  const keyOf = finding.plan?.type === "number" ? binnedBy(column, step) : (row: number) => column.text(row);
  for (let row = 0; row < column.rows; row += step) {
    const own = label.text(row);
    if (!isNoLabel(own)) rows.push({ key: keyOf(row), label: own });
  }
  const half = rows.filter((_, i) => i % 2 === 0);
  const most = (some: typeof rows) => {
    const counts = new Map<string, number>();
    for (const { label: own } of some) counts.set(own, (counts.get(own) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  };
  const guess = new Map([...Map.groupBy(half, ({ key }) => key)].map(([key, some]) => [key, most(some)]));
  const base = most(half);
  const tested = rows.filter((_, i) => i % 2 === 1);
  if (tested.length < 20) return finding;
  const share = (of: (row: { key: string }) => string | undefined) =>
    tested.filter((row) => of(row) === row.label).length / tested.length;
  const right = share(({ key }) => guess.get(key) ?? base);
  return right >= leakShare && 1 - right < (1 - share(() => base)) / 5 ? { ...finding, leak: right } : finding;
}

function binnedBy(column: TableColumn, step: number): (row: number) => string {
  const values: number[] = [];
  for (let row = 0; row < column.rows; row += step) values.push(column.number(row));
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const bins = Math.min(binsMax, Math.max(2, Math.floor(sorted.length / binRows)));
  const edges = Array.from({ length: bins - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / bins)] ?? 0);
  return (row) => {
    const value = column.number(row);
    return Number.isNaN(value) ? "" : String(edges.filter((edge) => value >= edge).length);
  };
}

/** Notes the values that are not of the column's type: they count as missing. */
function noteOdd(finding: ColumnFinding, column: TableColumn, isRead: (text: string) => boolean, what: string): void {
  const isOdd = (text: string) => !isMissingText(text) && !isRead(text);
  const odd = [...column.counts()].filter(([text]) => isOdd(text));
  if (odd.length === 0) return;
  const n = sum(odd);
  finding.missing += column.isLong ? 0 : n;
  const named = column.rowsWhere(isOdd).map((row) => `row ${row}: '${column.text(row - 1)}'`);
  finding.warnings.push(
    `'${column.name}' has ${n === 1 ? "a value that is" : `${n} values that are`} not ${what} (${named.join(", ")}): ` +
      "counted as missing. Correct or empty them.",
  );
}

const notANumber = /^[+-]?nan$/i;

/** Notes values that a computation left as "not a number": something went wrong before. */
function noteNaN(finding: ColumnFinding, column: TableColumn): void {
  const isNaNText = (text: string) => notANumber.test(text);
  const n = sum([...column.counts()].filter(([text]) => isNaNText(text)));
  if (n === 0) return;
  const more = n > 3 ? ` and ${n - 3} more` : "";
  finding.warnings.push(
    `'${column.name}' is NaN in ${n === 1 ? "row" : "rows"} ${column.rowsWhere(isNaNText).join(", ")}${more}: counted as ` +
      "missing. Find out what computed it, or leave the value empty.",
  );
}

const decimalComma = /^\s*[+-]?\d+,\d+\s*$/;
const otherDate = /^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}/;

function noteLookalikes(finding: ColumnFinding, column: TableColumn, values: readonly string[]): void {
  const share = (pattern: RegExp) => values.filter((text) => pattern.test(text)).length / values.length;
  if (share(decimalComma) > 0.5) {
    finding.warnings.push(`'${column.name}' has numbers with a decimal comma, read as text. Write 1.5 instead of 1,5.`);
  } else if (share(otherDate) > 0.5) {
    const example = values.find((text) => otherDate.test(text));
    finding.warnings.push(`'${column.name}' has dates such as '${example}', read as text. Write them as 2026-01-31.`);
  }
}

function isMost(present: readonly [string, number][], known: number, isRead: (text: string) => boolean): boolean {
  return sum(present.filter(([text]) => isRead(text))) >= (1 - oddShareMax) * known;
}

function hasLeadingZero(text: string): boolean {
  return /^0\d/.test(text);
}

function sum(counts: readonly (readonly [string, number])[]): number {
  return counts.reduce((total, [, n]) => total + n, 0);
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
