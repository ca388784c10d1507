import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { BaseRecipe, RecipeDocument, TrainableDocument } from "#core/contract/index.ts";
import { builtIns } from "./built-in.ts";
import { checkTable, refuseFaults } from "./check.ts";
import { inferDocument, regionsIn } from "./infer.ts";
import { parseRecipe } from "./parse.ts";
import type { CompleteDocument, FoundDocument, LoadOptions, Recipe } from "./recipe.ts";
import { isComplete, resolveRecipe } from "./resolve.ts";
import { rowsOfTable } from "./rows.ts";
import { type Data, readSource } from "./source.ts";
import { checkWithoutRows } from "./without-rows.ts";

const suffix = ".recipe.json";

/**
 * Finds a recipe's document: by a path, by `<name>.recipe.json` in a folder, or an example that comes with Upriver.
 * Throws, listing the recipes, when there is none.
 */
export async function findDocument(nameOrPath: string, folder: string): Promise<FoundDocument> {
  const found = await locateDocument(nameOrPath, folder);
  if (found) return found;
  if (existsSync(resolve(folder, nameOrPath))) {
    throw new Error(
      `${nameOrPath} is data, not a recipe. Make a recipe from it: npx upriver new <name> ${nameOrPath} --label <column>`,
    );
  }
  const examples = builtIns.map(({ document }) => document.name).join(", ");
  throw new Error(
    `There is no recipe '${nameOrPath}': neither ${join(folder, `${nameOrPath}${suffix}`)} nor an example (${examples}). ` +
      "Make one from your data: npx upriver new <name> <file> --label <column>",
  );
}

/** Finds a recipe's document as `findDocument` does; null when there is none. Throws for one that is invalid. */
export async function locateDocument(nameOrPath: string, folder: string): Promise<FoundDocument | null> {
  const path = [nameOrPath, `${nameOrPath}${suffix}`].map((one) => resolve(folder, one)).find(isRecipeFile);
  if (path) return { document: parseRecipe(path, await readFile(path, "utf8")), folder: dirname(path) };
  return builtIns.find(({ document }) => document.name === nameOrPath) ?? null;
}

/** Whether a path is that of an existing recipe file. */
function isRecipeFile(path: string): boolean {
  return path.endsWith(suffix) && existsSync(path);
}

/** Opens the recipe of a classifier by its name or path. What its document leaves open is inferred from its data. */
export async function openRecipe(nameOrPath: string, folder: string, options: LoadOptions = {}): Promise<Recipe> {
  const { document, folder: own } = await findDocument(nameOrPath, folder);
  return recipeOfDocument(trainable(document), own, options);
}

/** Makes a recipe from a document. What it leaves open is inferred from its data. */
export async function recipeOfDocument(
  document: TrainableDocument,
  folder: string,
  options: LoadOptions = {},
): Promise<Recipe> {
  // The data that the document was completed with is not read twice.
  let read: { file: string | undefined; data: Promise<Data> } | null = null;
  const dataOf = ({ file, onRows }: LoadOptions) => {
    if (read?.file !== file || read === null) {
      read = { file, data: readSource(document, folder, { file, ...(onRows ? { onRows } : {}) }) };
    }
    return read.data;
  };
  const isOpen = isAny(document);
  checkWithoutRows(document);
  const complete =
    isComplete(document) && !isOpen ? document : (await inferDocument(document, await dataOf(options))).document;
  const keys = isOpen ? await keysOf(complete, await dataOf(options)) : [];
  return resolveRecipe(
    complete,
    async (load) => {
      const data = await dataOf(load);
      if ("rows" in data) return data.rows;
      if (load.isChecked) refuseFaults(load.file ?? `The data of '${document.name}'`, checkTable(document, data.table));
      return rowsOfTable(complete, data.table);
    },
    keys,
  );
}

/** Narrows a document to one that is trained from rows. Throws, saying what to do with another. */
export function trainable(document: RecipeDocument): TrainableDocument {
  if (document.task === "tensor") {
    throw new Error(`'${document.name}' is imported, not trained. Publish it: npx upriver publish ${document.name}`);
  }
  if (isBase(document)) {
    throw new Error(
      `'${document.name}' has a pre-trained base and is taught by examples: npx upriver teach ${document.name}`,
    );
  }
  return document;
}

/** Whether a document is that of a classifier on a pre-trained base. */
export function isBase(document: RecipeDocument): document is BaseRecipe {
  return typeof document.source === "object" && "base" in document.source;
}

function isAny({ region }: TrainableDocument): boolean {
  return typeof region === "object" && region.keys === "any";
}

async function keysOf({ region }: CompleteDocument, data: Data): Promise<string[]> {
  if (typeof region !== "object" || region.name === undefined) return [];
  return "rows" in data ? [...new Set(data.rows.map((row) => row.region))].sort() : regionsIn(data.table, region.name);
}
