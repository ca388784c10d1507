import type { ColumnPlan, Instance } from "#core/contract/index.ts";
import { dateOf, numberOf, truthOf } from "#core/input/columns.ts";
import { readPixels } from "../table/pixels.ts";
import { isMissingText, type Table, type TableColumn } from "../table/table.ts";
import type { CompleteDocument, Row } from "./recipe.ts";
import { onlyRegion } from "./resolve.ts";
import { asFeatures } from "./text-input.ts";

/** Texts in a label's column that stand for no label. */
const noLabel = new Set(["", "NA", "N/A", "NaN", "nan", "null", "NULL"]);

/** Whether a text in the label's column stands for no label. */
export function isNoLabel(text: string): boolean {
  return noLabel.has(text.trim());
}

// In a column of numbers, such as "unknown".
function isNoNumber(text: string): boolean {
  return isNoLabel(text) || isMissingText(text.trim());
}

/** Returns the label that a text in the label's column stands for; null where its row is left out. */
export function labelIn({ task, label }: Pick<CompleteDocument, "task" | "label">, text: string): string | null {
  const { aliases = {}, drop = [] } = label;
  const isNone = task === "regress" ? isNoNumber(text) : isNoLabel(text);
  const found = Object.hasOwn(aliases, text) ? (aliases[text] as string) : text;
  return isNone || drop.includes(text) || drop.includes(found) ? null : found;
}

/** Names the first rows of a column whose text has a property, and how many more there are. */
export function rowsText(column: TableColumn, matches: (text: string) => boolean, n: number): string {
  const found = column.rowsWhere(matches);
  const more = n > found.length ? ` and ${n - found.length} more` : "";
  return `${found.length === 1 && more === "" ? "row" : "rows"} ${found.join(", ")}${more}`;
}

/** Makes rows from a table. Rows without a label are left out. Throws an error that names the rows it cannot read. */
export async function rowsOfTable(document: CompleteDocument, table: Table): Promise<Row[]> {
  const label = table.column(document.label.column);
  const region = regionColumnOf(document, table);
  const time = document.time === undefined ? null : table.column(document.time);
  const instanceOf = table.images ? await imagesOf(document, table) : fieldsOf(document, table);
  const labelOf = labelsOf(document, label);
  const regionOf = regionsOf(document, region);
  const rows: Row[] = [];
  for (let row = 0; row < table.rows; row++) {
    const own = labelOf(row);
    if (own === null) continue;
    rows.push(new TableRow(regionOf(row), own, time ? timeOf(time, row) : 0, row, instanceOf));
  }
  if (time) rows.sort((a, b) => a.at - b.at || a.region.localeCompare(b.region));
  return rows;
}

/** A row whose instance is made at each read: a million rows as objects would not fit in memory. */
export class TableRow implements Row {
  readonly region: string;
  readonly label: string;
  readonly at: number;
  /** The number of the row in its file, from 1. */
  readonly number: number;
  private readonly read: (row: number) => Instance;

  constructor(region: string, label: string, at: number, row: number, read: (row: number) => Instance) {
    this.region = region;
    this.label = label;
    this.at = at;
    this.number = row + 1;
    this.read = read;
  }

  get instance(): Instance {
    return this.read(this.number - 1);
  }
}

function labelsOf(document: CompleteDocument, column: TableColumn): (row: number) => string | null {
  const { values = [] } = document.label;
  const known = new Map<string, string | null>();
  return (row) => {
    const text = column.text(row);
    const before = known.get(text);
    if (before !== undefined) return before;
    const found = labelIn(document, text);
    if (document.task === "regress") return found === null ? null : numberAt(column, row, found);
    if (found !== null && !values.includes(found)) {
      throw new Error(
        `Row ${row + 1}, column '${column.name}': '${text}' is not one of the labels ${values.join(", ")}. Correct the ` +
          "row, or add the label to the recipe's label.values, label.aliases or label.drop.",
      );
    }
    known.set(text, found);
    return found;
  };
}

function numberAt({ name }: TableColumn, row: number, text: string): string {
  const number = numberOf(text);
  if (number !== null) return String(number);
  throw new Error(
    `Row ${row + 1}, column '${name}': '${text}' is not a number such as 24.5. Correct the row, or add the text to the ` +
      "recipe's label.drop to leave out its rows.",
  );
}

function regionColumnOf({ region }: CompleteDocument, table: Table): TableColumn | null {
  if (typeof region !== "object" || region.name === undefined) return null;
  return table.columns.find(({ name }) => name === region.name) ?? null;
}

function regionsOf({ region }: CompleteDocument, column: TableColumn | null): (row: number) => string {
  if (typeof region !== "object") return () => onlyRegion;
  const { keys, parent } = region;
  const listed = Array.isArray(keys) ? new Set(keys) : null;
  return (row) => {
    const text = column?.text(row).trim() ?? "";
    return text === "" || (listed && !listed.has(text)) ? parent : text;
  };
}

function timeOf(column: TableColumn, row: number): number {
  const text = column.text(row);
  const at = dateOf(text);
  if (at !== null && at >= 0) return at;
  throw new Error(
    `Row ${row + 1}, column '${column.name}': '${text}' is not a date such as 2026-01-31 or 2026-01-31T12:00:00Z. ` +
      "Correct it, or delete the row.",
  );
}

type Field = (row: number) => string | number | boolean | null;

export function fieldsOf({ input: given, region, groupBy }: CompleteDocument, table: Table): (row: number) => Instance {
  const input = asFeatures(given);
  if (input.kind !== "features") throw new Error("A table has no images or tensors. Use a module as source.");
  const fields = new Map<string, Field>(
    input.columns.map((plan) => [plan.name, fieldOf(plan, table.column(plan.name))]),
  );
  for (const name of extraFields({ region, groupBy })) {
    if (!fields.has(name)) fields.set(name, textField(table.column(name)));
  }
  const all = [...fields];
  return (row) => {
    const instance: Record<string, string | number | boolean | null> = {};
    for (const [name, read] of all) instance[name] = read(row);
    return instance;
  };
}

/** Lists the fields of an instance that are no columns: the region's and the group key's. */
export function extraFields({ region, groupBy }: Pick<CompleteDocument, "region" | "groupBy">): string[] {
  const names = [
    typeof region === "object" && region.from === "field" ? region.name : undefined,
    groupBy?.by === "field" ? groupBy.name : undefined,
  ];
  return names.filter((name) => name !== undefined);
}

function fieldOf({ type }: ColumnPlan, column: TableColumn): Field {
  switch (type) {
    case "number":
    case "cycle":
      return (row) => {
        const number = column.number(row);
        return Number.isNaN(number) ? null : number;
      };
    case "boolean":
      return (row) => {
        const truth = truthOf(column.text(row));
        return truth === null ? null : truth > 0;
      };
    default:
      return textField(column);
  }
}

function textField(column: TableColumn): Field {
  return (row) => {
    const text = column.text(row);
    return isMissingText(text) ? null : text;
  };
}

async function imagesOf({ input }: CompleteDocument, table: Table): Promise<(row: number) => Instance> {
  if (input.kind !== "image") throw new Error("A folder of images needs an input of kind 'image'.");
  const pixels = await readPixels(input, table.images?.paths ?? []);
  return (row) => Array.from(pixels[row] as Uint8Array);
}
