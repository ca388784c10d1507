import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Source, TrainableDocument } from "#core/contract/index.ts";
import { readTable } from "../table/read.ts";
import type { Table } from "../table/table.ts";
import type { LoadOptions, Row } from "./recipe.ts";

/** What a recipe's rows are read from: a table, or the rows of an own module. */
export type Data = { table: Table } | { rows: Row[] };

/** Values of variables that a path may begin with where the environment does not set them. */
const defaults: Record<string, string> = { UPRIVER_SHARED: join(import.meta.dirname, "../../../../shared") };

/** Reads a recipe's source; `folder` is what its paths are relative to. */
export async function readSource(
  { name, source }: Pick<TrainableDocument, "name" | "source">,
  folder: string,
  { file, onRows }: LoadOptions = {},
): Promise<Data> {
  if (typeof source === "object" && "module" in source) return { rows: await rowsOfModule(name, source, folder, file) };
  if (typeof source === "object" && "samples" in source)
    return file === undefined ? { rows: [] } : { table: await readTable(file, onRows) };
  if (typeof source === "object" && "parquet" in source) {
    if (file !== undefined) return { table: await readTable(file, onRows) };
    throw new Error(`The rows of '${name}' are in the registry. Train it at an origin, or name a file with --data.`);
  }
  const path = file ?? pathOf(typeof source === "string" ? source : source.path, folder);
  if (!/^https?:/.test(path) && !existsSync(path)) throw new Error(missingText(path, source));
  return { table: await readTable(path, onRows) };
}

async function rowsOfModule(
  name: string,
  { module, path }: { module: string; path?: string | undefined },
  folder: string,
  file: string | undefined,
): Promise<Row[]> {
  const place = [module, module.replace(/\.ts$/, ".js")].map((one) => resolve(folder, one)).find(existsSync);
  if (!place) throw new Error(`There is no module at ${resolve(folder, module)}, which recipe '${name}' names.`);
  const { load } = (await import(pathToFileURL(place).href)) as { load?: (options: LoadOptions) => Promise<Row[]> };
  if (typeof load !== "function") throw new Error(`${place} must export a function load({file}) that returns rows.`);
  return load({ file: file ?? (path === undefined ? undefined : pathOf(path, folder)) });
}

/** Resolves a source's path; it may begin with a variable of the environment, such as $DATA/shop.csv. */
function pathOf(path: string, folder: string): string {
  if (/^https?:\/\//i.test(path)) return path;
  const expanded = path.replace(/^\$(\w+)/, (whole, name: string) => process.env[name] ?? defaults[name] ?? whole);
  return resolve(folder, expanded);
}

function missingText(path: string, source: Source): string {
  const [variable] = /\$\w+/.exec(typeof source === "string" ? source : "") ?? [];
  const other = variable ? `, or set ${variable.slice(1)} to the folder that holds it` : "";
  return `There is no data at ${path}. Name a file with --data FILE${other}.`;
}
