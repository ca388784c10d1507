import type { ColumnPlan, InputPlanDocument, TrainableDocument } from "#core/contract/index.ts";
import { dateOf, numberOf } from "#core/input/columns.ts";
import { sizeOfImage } from "../table/pixels.ts";
import type { Table } from "../table/table.ts";
import { type ColumnFinding, inferColumn } from "./infer-column.ts";
import { numberLeak } from "./number-leak.ts";
import type { CompleteDocument, Row } from "./recipe.ts";
import { isComplete } from "./resolve.ts";
import { labelIn } from "./rows.ts";
import type { Data } from "./source.ts";
import { hasNgrams } from "./text-input.ts";

/** The largest side of a picture that is inferred from a folder of images. */
const imageMaxSide = 48;
const imageMinSide = 8;

/** A complete document, and what was found in each column of its table. */
export interface Inferred {
  document: CompleteDocument;
  findings: ColumnFinding[];
}

/** Infers from the data what a document leaves open: labels, regions, columns, and the length of the training. */
export async function inferDocument(document: TrainableDocument, data: Data): Promise<Inferred> {
  if ("rows" in data) return { document: ofRows(document, data.rows), findings: [] };
  const { table } = data;
  const isNumber = document.task === "regress";
  const label = isNumber ? labelPlanOf(document) : labelOf(document, table);
  const tolerance = document.tolerance ?? (isNumber ? usualTolerance(numbersIn(document, table)) : undefined);
  const region = regionOf(document, table);
  const findings = document.input || table.images ? [] : columnsOf(document, table);
  const input = document.input ?? (table.images ? await imageInputOf(table) : featuresOf(document, findings));
  const groupBy = document.groupBy ?? timeBlockOf(document, table);
  const training = document.training ?? trainingOf(table.rows, input);
  const networks = document.networks ?? networksOf(input);
  const complete = {
    ...{ ...document, label, input, training },
    ...(tolerance === undefined ? {} : { tolerance }),
    ...(networks === undefined ? {} : { networks }),
    ...(region === undefined ? {} : { region }),
    ...(groupBy === undefined ? {} : { groupBy }),
  };
  return { document: complete as CompleteDocument, findings };
}

/** Names the columns of a document that are no features: label, region and time. */
export function reservedColumns({ label, region, time }: TrainableDocument): string[] {
  const regionName = typeof region === "string" ? region : region?.name;
  return [typeof label === "string" ? label : label.column, regionName, time].filter((name) => name !== undefined);
}

function columnsOf(document: TrainableDocument, table: Table): ColumnFinding[] {
  const reserved = new Set(reservedColumns(document));
  const label = table.column(labelColumnOf(document));
  const isNumber = document.task === "regress";
  return table.columns
    .filter(({ name }) => !reserved.has(name))
    .map((column) => {
      const finding = inferColumn(column, label);
      const leak = isNumber && finding.plan?.type === "number" ? numberLeak(column, label) : finding.leak;
      return { ...finding, leak };
    });
}

function featuresOf({ name, time }: TrainableDocument, findings: readonly ColumnFinding[]): InputPlanDocument {
  const columns: ColumnPlan[] = findings.flatMap(({ plan }) => (plan ? [plan] : []));
  const [first] = columns;
  if (first?.type === "text" && columns.length === 1 && time === undefined) {
    return { kind: "text", name: first.name, buckets: first.buckets };
  }
  // What the season or the weekday explains is known from a question's time.
  if (time !== undefined) columns.push({ type: "date", name: time });
  if (columns.length > 0) return { kind: "features", columns, missing: "refuse" };
  throw new Error(
    `No column of '${name}' can be learned from. Add columns besides the label, the region and the time.`,
  );
}

function labelPlanOf({ label }: Pick<TrainableDocument, "label">): CompleteDocument["label"] {
  return typeof label === "string" ? { column: label } : label;
}

/** Lists the numbers in the label's column. */
export function numbersIn(document: Pick<TrainableDocument, "label">, table: Table): number[] {
  const label = labelPlanOf(document);
  const column = table.column(label.column);
  const numbers = Array.from({ length: table.rows }, (_, row) =>
    numberOf(labelIn({ task: "regress", label }, column.text(row))),
  );
  return numbers.filter((number) => number !== null);
}

/** Half the standard deviation of numbers, to one digit: an answer that is closer tells something. */
export function usualTolerance(numbers: readonly number[]): number {
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  return Number((Math.sqrt(variance) / 2 || 1).toPrecision(1));
}

function labelOf(document: TrainableDocument, table: Table): CompleteDocument["label"] {
  const own = labelPlanOf(document);
  if (own.values) return { ...own, values: own.values };
  const texts = [...table.column(own.column).counts().keys()];
  const found = texts.map((text) => labelIn({ task: "classify", label: own }, text));
  return { ...own, values: [...new Set(found)].filter((value) => value !== null).sort(inOrder) };
}

// Numbers by size, the rest by the alphabet.
function inOrder(a: string, b: string): number {
  return Number(a) - Number(b) || a.localeCompare(b);
}

function regionOf({ region }: TrainableDocument, table: Table): TrainableDocument["region"] {
  if (region === undefined || (typeof region === "object" && region.keys !== undefined)) return region;
  const own =
    typeof region === "string"
      ? { from: "field" as const, name: region, parent: "world", openPerTokenPerDay: 20 }
      : region;
  if (own.name === undefined) throw new Error("The recipe's region needs `keys`, or the `name` of a column.");
  return { ...own, keys: regionsIn(table, own.name) };
}

/** Lists the regions in a table's column. */
export function regionsIn(table: Table, name: string): string[] {
  const texts = [...table.column(name).counts().keys()].map((text) => text.trim());
  return [...new Set(texts)].filter((text) => text !== "").sort(inOrder);
}

function ofRows(document: TrainableDocument, rows: readonly Row[]): CompleteDocument {
  if (isComplete(document)) return document;
  const { region } = document;
  const isNumber = document.task === "regress";
  const labels = labelPlanOf(document);
  const values = isNumber ? undefined : (labels.values ?? [...new Set(rows.map((row) => row.label))].sort(inOrder));
  const own: Partial<Exclude<typeof region, string>> | undefined =
    typeof region === "string" ? { name: region } : region;
  const keys = own?.keys ?? [...new Set(rows.map((row) => row.region))].sort(inOrder);
  const complete = {
    ...document,
    label: { ...labels, ...(values ? { values } : {}) },
    ...(isNumber ? { tolerance: document.tolerance ?? usualTolerance(rows.map((row) => Number(row.label))) } : {}),
    ...(own ? { region: { from: "field" as const, parent: "world", openPerTokenPerDay: 20, ...own, keys } } : {}),
  };
  if (isComplete(complete)) return complete;
  throw new Error(`Recipe '${document.name}' has a module as source, so it must describe its input.`);
}

function labelColumnOf({ label }: TrainableDocument): string {
  return typeof label === "string" ? label : label.column;
}

async function imageInputOf({ images }: Table): Promise<InputPlanDocument> {
  const sizes = await Promise.all((images?.paths ?? []).slice(0, 200).map(sizeOfImage));
  const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
  const [height, width] = [middle(sizes.map((one) => one.height)), middle(sizes.map((one) => one.width))];
  const scale = Math.min(1, imageMaxSide / Math.max(height, width));
  // Two poolings halve the sides twice.
  const side = (length: number) => Math.max(imageMinSide, 4 * Math.round((length * scale) / 4));
  return { kind: "image", size: [side(height), side(width)], channels: sizes.every(({ isGrey }) => isGrey) ? 1 : 3 };
}

const dayMs = 24 * 3600_000;
/** Enough blocks to hold out whole ones. */
const blocksWanted = 20;
const blockDays = [7, 1, 1 / 24];

// Days that lie together are alike, so they stay in one split: those of a week, unless the rows span too few.
function timeBlockOf({ time }: TrainableDocument, table: Table): TrainableDocument["groupBy"] {
  if (time === undefined) return undefined;
  const column = table.column(time);
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const text of column.isLong ? [] : column.counts().keys()) {
    const at = dateOf(text);
    if (at === null) continue;
    first = Math.min(first, at);
    last = Math.max(last, at);
  }
  const span = (last - first) / dayMs;
  const days = blockDays.find((length) => span >= blocksWanted * length);
  return { by: "time", days: days ?? blockDays.at(-1) ?? 1 };
}

/** Words as counts are told apart by one wide layer; deeper networks learn them by heart. */
function networksOf(input: InputPlanDocument): TrainableDocument["networks"] {
  if (input.kind !== "features" || hasNgrams(input)) return undefined;
  if (input.columns.every(({ type }) => type !== "text")) return undefined;
  const dense = (units: number) => [{ type: "dense" as const, units }];
  return { thin: { layers: dense(64) }, full: { layers: dense(256) } };
}

/** Patience for all epochs: the validation loss falls once more when the rate does. */
function textTrainingOf(rows: number): TrainableDocument["training"] {
  const size = rows < 2_000 ? "few" : rows < 50_000 ? "some" : "many";
  return {
    few: { epochs: 24, patience: 24, batchSize: 16 },
    some: { epochs: 12, patience: 12, batchSize: 64 },
    many: { epochs: 6, patience: 6, batchSize: 256 },
  }[size];
}

/** More rows need fewer passes, and larger batches. */
function trainingOf(rows: number, input: InputPlanDocument): TrainableDocument["training"] {
  if (hasNgrams(input)) return textTrainingOf(rows);
  const { kind } = input;
  const size = rows < 2_000 ? "few" : rows < 20_000 ? "some" : rows < 200_000 ? "many" : "most";
  const plans = {
    few: { epochs: 60, patience: 10, batchSize: 16 },
    some: { epochs: 30, patience: 6, batchSize: 64 },
    many: { epochs: 16, patience: 4, batchSize: 256 },
    most: { epochs: 8, patience: 2, batchSize: 1_024 },
  };
  const augment = kind === "image" ? { augment: { mirror: false, shift: 2 } } : {};
  return {
    ...plans[size],
    learningRate: size === "most" ? 0.004 : 0.002,
    // A table's networks decay instead.
    ...(kind === "features" ? {} : { l2: size === "few" ? 0.0005 : 0.00005 }),
    ...augment,
  };
}
