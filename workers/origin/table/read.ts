import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { readCsv } from "./csv.ts";
import { readJsonLines } from "./json-lines.ts";
import type { OnRows } from "./on-rows.ts";
import { readParquet } from "./parquet.ts";
import { Table, TableColumn } from "./table.ts";

const imageTypes = new Set([".jpg", ".jpeg", ".png", ".webp"]);
const gzipMagic = [0x1f, 0x8b];
const parquetMagic = [0x50, 0x41, 0x52, 0x31];

/** The columns of a folder of images: the file, and the folder that it lies in. */
export const imageColumn = "file";
export const imageLabelColumn = "label";

/**
 * Reads a table from a path or an http(s) URL: CSV, TSV, JSON lines or Parquet, gzipped or not; or from a folder of images,
 * in a folder for each label. Throws an error that says where the file is wrong and what to do.
 */
export async function readTable(source: string, onRows: OnRows = () => {}): Promise<Table> {
  if (/^https?:\/\//i.test(source)) return readUrl(source, onRows);
  const found = await stat(source).catch(() => null);
  if (!found) throw new Error(`There is no file or folder at ${source}. Check the path.`);
  if (found.isDirectory()) return readImageFolder(source);
  if (found.size === 0) throw new Error(`${source} is empty.`);
  const start = await firstBytes(source);
  if (startsWith(start, parquetMagic)) return readParquet(source, onRows);
  const isGzip = startsWith(start, gzipMagic);
  const name = isGzip ? basename(source).replace(/\.gz$/i, "") : basename(source);
  return readText(source, name, isGzip, createReadStream(source), onRows);
}

async function readUrl(url: string, onRows: OnRows): Promise<Table> {
  const response = await fetch(url).catch((cause) => {
    throw new Error(`${url} cannot be reached: ${cause instanceof Error ? cause.message : cause}.`, { cause });
  });
  if (!response.ok || !response.body) throw new Error(`${url} answered with status ${response.status}.`);
  const path = new URL(url).pathname;
  if (extname(path) === ".parquet") return readParquet(await response.arrayBuffer(), onRows);
  const isGzip = path.endsWith(".gz");
  return readText(url, basename(path).replace(/\.gz$/, ""), isGzip, Readable.fromWeb(response.body as never), onRows);
}

function readText(source: string, name: string, isGzip: boolean, bytes: Readable, onRows: OnRows): Promise<Table> {
  const gunzip = isGzip ? createGunzip() : null;
  bytes.on("error", (error) => gunzip?.destroy(error));
  const text = gunzip ? bytes.pipe(gunzip) : bytes;
  const isLines = /\.(jsonl|ndjson|json)$/i.test(name);
  return isLines ? readJsonLines(source, text, onRows) : readCsv(source, text, /\.(tsv|tab)$/i.test(name), onRows);
}

async function readImageFolder(folder: string): Promise<Table> {
  const labels = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const [file, label] = [new TableColumn(imageColumn), new TableColumn(imageLabelColumn)];
  const paths: string[] = [];
  for (const { name } of labels.sort((a, b) => a.name.localeCompare(b.name))) {
    for (const image of (await readdir(join(folder, name))).sort()) {
      if (!imageTypes.has(extname(image).toLowerCase())) continue;
      file.add(join(name, image));
      label.add(name);
      paths.push(join(folder, name, image));
    }
  }
  if (paths.length > 0) return new Table([file, label], { paths });
  throw new Error(`${folder} has no images. Put .jpg, .png or .webp files into one folder for each label.`);
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    return (await file.read(new Uint8Array(4), 0, 4, 0)).buffer;
  } finally {
    await file.close();
  }
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}
