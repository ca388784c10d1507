import { relative, resolve } from "node:path";
import { type TrainableDocument, trainableRecipeSchema } from "#core/contract/index.ts";
import { dateOf } from "#core/input/columns.ts";
import { isWithin } from "#core/regress/read.ts";
import { imageLabelColumn, readTable } from "../table/read.ts";
import type { Table } from "../table/table.ts";
import { checkTable, refuseFaults } from "./check.ts";
import { isQuantity } from "./check-numbers.ts";
import { inferDocument, numbersIn } from "./infer.ts";
import type { ColumnFinding } from "./infer-column.ts";
import type { CompleteDocument } from "./recipe.ts";
import { labelIn } from "./rows.ts";

export interface PlanOptions {
  name: string;
  /** The file or folder, as it is given. */
  source: string;
  label?: string | undefined;
  region?: string | undefined;
  time?: string | undefined;
  /** What is predicted; a number where the label's column has many different ones, unless given. */
  task?: "classify" | "regress" | undefined;
  /** Of numbers: how far an answer may be from the truth, and what they count. */
  tolerance?: number | undefined;
  unit?: string | undefined;
  /** Whether an unknown region opens. */
  anyRegion?: boolean | undefined;
  /** Whether the recipe repairs what it can of the data. */
  repair?: boolean | undefined;
  /** The folder of the recipe. */
  folder: string;
  onRows?: (rows: number) => void;
}

/** The numbers in a label's column. */
export interface NumberSummary {
  least: number;
  median: number;
  greatest: number;
  /** The share of them that is within the tolerance of the median. */
  withinOfMedian: number;
}

/** A new recipe, and what was found in its data. */
export interface Plan {
  document: CompleteDocument;
  rows: number;
  /** Rows of each label, the most frequent first; none of numbers. */
  labels: [string, number][];
  /** The numbers that are predicted; null where labels are. */
  numbers: NumberSummary | null;
  /** Rows of each region, the largest first. */
  regions: [string, number][];
  columns: ColumnFinding[];
  duplicates: number;
  warnings: string[];
}

/** More than that of labels: a tolerance of half a deviation leaves few answers that are surely within it. */
const numberTarget = 0.1;
const heldShare = 0.4;
const imbalanced = 0.1;
const rareShare = 0.05;
const fewRows = 200;

/** Makes a recipe for a file or a folder of images. Throws an error that names rows, columns and remedies where it cannot. */
export async function planRecipe(options: PlanOptions): Promise<Plan> {
  const { name, source, region, time, folder, anyRegion, repair, tolerance, unit, onRows } = options;
  const table = await readTable(source, onRows);
  const label = options.label ?? (table.images ? imageLabelColumn : undefined);
  if (label === undefined) {
    const columns = table.columns.map((column) => column.name).join(", ");
    throw new Error(`Which column is the label? Add --label with one of: ${columns}.`);
  }
  const isQuantityLabel = !table.images && isQuantity(table.column(label));
  const task = options.task ?? (isQuantityLabel || tolerance !== undefined ? "regress" : "classify");
  const regions = anyRegion && region !== undefined ? { name: region, keys: "any" as const } : region;
  const place = /^https?:/.test(source) ? source : relative(folder, resolve(source)) || ".";
  const start = trainableRecipeSchema.parse({
    ...{ name, task, source: place, label },
    ...(tolerance === undefined ? {} : { tolerance }),
    ...(unit === undefined ? {} : { unit }),
    ...(regions === undefined ? {} : { region: regions }),
    ...(time === undefined ? {} : { time }),
  });
  const first = checkTable(start, table);
  const repaired = repair ? withRepairs(start, label, first.faults) : start;
  const checked = repair ? checkTable(repaired, table) : first;
  refuseFaults(source, checked);
  const { document, findings } = await inferDocument(repaired, { table });
  const isNumber = task === "regress";
  const labels = isNumber ? [] : countsOf(table, document);
  const numbers = isNumber ? summaryOf(numbersIn(document, table), document.tolerance as number) : null;
  const duplicates = duplicatesIn(table);
  return {
    document: withDefaults(document, table, labels),
    rows: table.rows,
    ...{ labels, numbers },
    regions: region === undefined ? [] : sorted([...table.column(region).counts()]),
    columns: findings,
    duplicates,
    warnings: [
      ...checked.warnings,
      ...warningsOf(labels, duplicates, table),
      ...findings.flatMap((one) => one.warnings),
    ],
  };
}

function withRepairs(
  document: TrainableDocument,
  column: string,
  faults: readonly { repair: { aliases?: Record<string, string>; drop?: string[] } | null }[],
): TrainableDocument {
  const aliases = Object.assign({}, ...faults.map(({ repair }) => repair?.aliases ?? {}));
  const drop = faults.flatMap(({ repair }) => repair?.drop ?? []);
  const label = {
    column,
    ...(Object.keys(aliases).length > 0 ? { aliases } : {}),
    ...(drop.length > 0 ? { drop } : {}),
  };
  return { ...document, label };
}

/** Sets what a new recipe says although a default would do: what its owner is likely to change. */
function withDefaults(document: CompleteDocument, table: Table, labels: [string, number][]): CompleteDocument {
  const total = labels.reduce((n, [, rows]) => n + rows, 0);
  // A risk above the error of always giving the most frequent label would certify nothing.
  const minority = labels.length === 0 ? 1 : 1 - (labels[0]?.[1] ?? 0) / total;
  const usual = document.task === "regress" ? numberTarget : 0.05;
  const target = minority < imbalanced ? Math.max(0.001, Number((minority / 2).toPrecision(1))) : usual;
  const { time } = document;
  return {
    ...document,
    labelDelayDays: time === undefined ? 0 : 1,
    ...(time === undefined ? {} : { trainBefore: dayBefore(table, time) }),
    risk: { target, confidence: 0.95 },
  };
}

/** The day before which the first 60% of the rows lie; the rest is for a replay. */
function dayBefore(table: Table, time: string): string {
  const column = table.column(time);
  const times = Float64Array.from({ length: table.rows }, (_, row) => dateOf(column.text(row)) as number).sort();
  const at = times[Math.floor((1 - heldShare) * times.length)] as number;
  return new Date(at).toISOString().slice(0, 10);
}

function summaryOf(numbers: readonly number[], tolerance: number): NumberSummary {
  const sorted = Float64Array.from(numbers).sort();
  const median = sorted[Math.floor(sorted.length / 2)] as number;
  const within = sorted.filter((number) => isWithin(median, number, tolerance)).length / sorted.length;
  return { least: sorted[0] as number, median, greatest: sorted.at(-1) as number, withinOfMedian: within };
}

function countsOf(table: Table, document: CompleteDocument): [string, number][] {
  const counts = new Map<string, number>();
  for (const [text, rows] of table.column(document.label.column).counts()) {
    const own = labelIn(document, text);
    if (own !== null) counts.set(own, (counts.get(own) ?? 0) + rows);
  }
  return sorted([...counts]);
}

function sorted(counts: [string, number][]): [string, number][] {
  return counts.sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

function warningsOf(labels: readonly [string, number][], duplicates: number, table: Table): string[] {
  const total = labels.reduce((n, [, rows]) => n + rows, 0);
  const isFew = labels.length > 0 && total < fewRows;
  const rare = labels.filter(([, rows]) => rows / total < rareShare && rows / total < 1 / labels.length / 2);
  const [rarest] = rare.slice(-1);
  return [
    ...(isFew ? [`${total} rows are few: expect wide bounds, and no certificate before more labels come.`] : []),
    ...(rarest
      ? [
          `${rare.length === 1 ? `'${rarest[0]}' is` : `${rare.length} labels are`} rare (${rare.length === 1 ? "" : `'${rarest[0]}' `}${percentOf(rarest[1] / total)} ` +
            "of rows): the overall error says little about it. Look at its own accuracy, and label more of it.",
        ]
      : []),
    ...(duplicates > 0
      ? [
          `${duplicates} rows are copies of another (${percentOf(duplicates / table.rows)}): copies in two splits make ` +
            "held-out figures look better. Remove them, or name what they share in groupBy.",
        ]
      : []),
  ];
}

/** Counts the rows that equal an earlier one in every column. */
function duplicatesIn(table: Table): number {
  if (table.images) return 0;
  const seen = new Set<string>();
  let duplicates = 0;
  for (let row = 0; row < table.rows; row++) {
    // Two independent 32-bit sums take less memory than a million texts.
    let [one, two] = [0x811c9dc5, 0x9747b28c];
    for (const column of table.columns) {
      const text = column.text(row);
      for (let i = 0; i < text.length; i++) {
        one = Math.imul(one ^ text.charCodeAt(i), 0x01000193);
        two = Math.imul(two ^ text.charCodeAt(i), 0x5bd1e995);
      }
      one = Math.imul(one ^ 31, 0x01000193);
      two = Math.imul(two ^ 37, 0x5bd1e995);
    }
    const key = `${one}.${two}`;
    if (seen.has(key)) duplicates++;
    else seen.add(key);
  }
  return duplicates;
}

function percentOf(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
}
