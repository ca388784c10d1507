import { readFile } from "node:fs/promises";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type BlobRef, blobShardMaxBytes, type Instance, type TrainableDocument } from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import { parquetRecords } from "../table/parquet.ts";
import { Table, TableColumn } from "../table/table.ts";
import { textOf } from "../table/text.ts";
import { addBlob, type Blobs } from "../train/pack.ts";
import type { CompleteDocument, Recipe, Row } from "./recipe.ts";
import { resolveRecipe } from "./resolve.ts";
import { extraFields, fieldsOf, TableRow } from "./rows.ts";
import { isWithoutRows } from "./without-rows.ts";

/** A recipe in the registry: its document, and its rows in parts. */
export interface StoredRecipe {
  document: BlobRef;
  source: BlobRef[];
}

/** A recipe that is ready to be stored, and its blobs; none where the registry has them already. */
export interface PackedRecipe {
  recipe: StoredRecipe;
  blobs: Blobs;
}

/** The columns of stored rows that are no fields of the instance. */
const [labelColumn, regionColumn, timeColumn, bytesColumn] = ["$label", "$region", "$at", "$values"] as const;
const probedRows = 1_000;
/** Parts are planned below the limit, since rows differ in size. */
const plannedShare = 0.6;

/**
 * Packs a recipe for a version: its document with everything that was inferred, and a copy of its own rows as Parquet
 * in parts. Samples of regions are never in it. A source that stays where it is (`store: false`) is not copied.
 */
export async function packRecipe(recipe: Recipe, file?: string): Promise<PackedRecipe> {
  const blobs: Blobs = new Map();
  const { document } = recipe;
  const { source: given } = document;
  const stays = isWithoutRows(document) || (typeof given === "object" && "store" in given && !given.store);
  const source = stays ? [] : await storeRows(recipe, await recipe.load({ file }), blobs);
  const stored: TrainableDocument = stays ? document : { ...document, source: { parquet: source } };
  const bytes = new TextEncoder().encode(JSON.stringify({ ...stored, $schema: undefined }));
  return { recipe: { document: await addBlob(blobs, bytes), source }, blobs };
}

/** Makes a recipe from a stored document; `parts` are the paths of its rows, in order. */
export async function storedRecipe(document: CompleteDocument, parts: readonly string[]): Promise<Recipe> {
  const isAny = typeof document.region === "object" && document.region.keys === "any";
  let read: Promise<Row[]> | null = null;
  const load = () => {
    read ??= readRows(document, parts);
    return read;
  };
  const keys = isAny ? [...new Set((await load()).map(({ region }) => region))].sort() : [];
  return resolveRecipe(document, load, keys);
}

interface StoredColumn {
  name: string;
  type: "STRING" | "DOUBLE" | "BOOLEAN" | "INT64" | "BYTE_ARRAY";
  read: (row: Row) => unknown;
}

async function storeRows(recipe: Recipe, rows: readonly Row[], blobs: Blobs): Promise<BlobRef[]> {
  const columns = columnsOf(recipe);
  const probe = await partOf(columns, rows.slice(0, probedRows));
  const rowBytes = probe.byteLength / Math.min(rows.length, probedRows);
  const parts: BlobRef[] = [];
  let size = Math.max(1, Math.floor((plannedShare * blobShardMaxBytes) / rowBytes));
  for (let first = 0; first < rows.length; ) {
    const bytes = await partOf(columns, rows.slice(first, first + size));
    if (bytes.byteLength > blobShardMaxBytes && size > 1) {
      size = Math.ceil(size / 2);
      continue;
    }
    parts.push(await addBlob(blobs, bytes));
    first += size;
  }
  return parts;
}

async function partOf(columns: readonly StoredColumn[], rows: readonly Row[]): Promise<Uint8Array<ArrayBuffer>> {
  const data = columns.map(({ name, type }) => ({ name, type, nullable: true, data: [] as unknown[] }));
  for (const row of rows) for (const [i, column] of columns.entries()) data[i]?.data.push(column.read(row));
  return new Uint8Array(parquetWriteBuffer({ columnData: data as never }));
}

function columnsOf({ document, thin: { input } }: Recipe): StoredColumn[] {
  const common: StoredColumn[] = [
    { name: labelColumn, type: "STRING", read: ({ label }) => label },
    { name: regionColumn, type: "STRING", read: ({ region }) => region },
    { name: timeColumn, type: "INT64", read: ({ at }) => BigInt(Math.round(at)) },
  ];
  if (input.kind === "image") return [...common, bytesOf((values) => Uint8Array.from(values))];
  if (input.kind === "tensor") {
    return [...common, bytesOf((values) => new Uint8Array(Float32Array.from(values).buffer))];
  }
  const named = input.columns.filter((column) => column.type !== "region");
  const fields = named.map(({ name, type }): StoredColumn => {
    if (type === "number" || type === "cycle") return { name, type: "DOUBLE", read: (row) => fieldOf(row, name) };
    if (type === "boolean") return { name, type: "BOOLEAN", read: (row) => fieldOf(row, name) };
    return { name, type: "STRING", read: (row) => textField(row, name) };
  });
  const extra = extraFields(document).filter((name) => named.every((column) => column.name !== name));
  const texts = extra.map((name): StoredColumn => ({ name, type: "STRING", read: (row) => textField(row, name) }));
  return [...common, ...fields, ...texts];
}

function bytesOf(encode: (values: number[]) => Uint8Array): StoredColumn {
  const read = ({ instance }: Row) => encode((instance as unknown[]).flat(3) as number[]);
  return { name: bytesColumn, type: "BYTE_ARRAY", read };
}

function fieldOf({ instance }: Row, name: string): unknown {
  return Array.isArray(instance) ? null : (own(instance, name) ?? null);
}

function textField(row: Row, name: string): string | null {
  const value = fieldOf(row, name);
  return value === null ? null : String(value);
}

async function readRows(document: CompleteDocument, parts: readonly string[]): Promise<Row[]> {
  const columns = new Map<string, TableColumn>();
  const bytes: Uint8Array[] = [];
  for (const path of parts) {
    const file = new Uint8Array(await readFile(path)).buffer;
    for await (const record of parquetRecords(file)) {
      for (const [name, value] of Object.entries(record)) {
        if (name === bytesColumn) bytes.push(value as Uint8Array);
        else columnOf(columns, name).add(textOf(typeof value === "bigint" ? Number(value) : value));
      }
    }
  }
  const table = new Table([...columns.values()]);
  const [label, region, at] = [labelColumn, regionColumn, timeColumn].map((name) => table.column(name));
  const instanceOf = bytes.length > 0 ? valuesOf(document, bytes) : fieldsOf(document, table);
  return Array.from({ length: table.rows }, (_, row) => {
    const time = at?.number(row) ?? 0;
    return new TableRow(region?.text(row) ?? "", label?.text(row) ?? "", time, row, instanceOf);
  });
}

function columnOf(columns: Map<string, TableColumn>, name: string): TableColumn {
  const known = columns.get(name);
  if (known) return known;
  const column = new TableColumn(name);
  columns.set(name, column);
  return column;
}

function valuesOf({ input }: CompleteDocument, bytes: readonly Uint8Array[]): (row: number) => Instance {
  if (input.kind === "tensor") return (row) => Array.from(new Float32Array((bytes[row] as Uint8Array).slice().buffer));
  return (row) => Array.from(bytes[row] as Uint8Array);
}
