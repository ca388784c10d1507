import { writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import * as z from "zod";
import { type Instance, modelNameSchema, type TensorManifest, tensorSpecSchema } from "#core/contract/index.ts";
import { decodeRow } from "#core/input/tensors.ts";
import { readIfPresent } from "../disk.ts";
import type { Artefact, Unpublished } from "../train/index.ts";
import { type Blobs, packModel } from "../train/pack.ts";
import { partsOf, readModelFiles, type TfjsModelFiles } from "./files.ts";
import type { Inspection } from "./inspect.ts";
import { randomInputs } from "./random-inputs.ts";

/** The description of a model that `upriver import` writes, for review before it is published. */
const importRecipeSchema = z.strictObject({
  model: modelNameSchema,
  task: z.literal("tensor"),
  /** The path of the model.json, relative to the recipe's folder. */
  file: z.string(),
  inputs: z.array(tensorSpecSchema).min(1),
  outputs: z.array(tensorSpecSchema).min(1),
  batch: z.boolean(),
  /** Where `upriver create --cut` can attach a head. */
  embedding: z.strictObject({ tensor: z.string(), width: z.int() }).nullable(),
});
type ImportRecipe = z.infer<typeof importRecipeSchema>;

/** Writes an inspected model's recipe into a folder, and returns its path. */
export async function writeRecipe(
  { path }: TfjsModelFiles,
  { inputs, outputs, batch, embedding }: Inspection,
  model: string,
  folder: string,
): Promise<string> {
  const recipe: ImportRecipe = {
    ...{ model, task: "tensor", file: relative(resolve(folder), resolve(path)) },
    ...{ inputs, outputs, batch, embedding },
  };
  const to = join(folder, `${model}.recipe.json`);
  await writeFile(to, `${JSON.stringify(recipe, null, 2)}\n`);
  return to;
}

/** Whether a path has the name of an import recipe. */
export function isImportRecipe(path: string): boolean {
  return path.endsWith(".recipe.json");
}

/** Creates a version of the model that an import recipe describes. Throws when the file is no such recipe. */
export async function importFrom(path: string): Promise<Artefact<Unpublished<TensorManifest>>> {
  const { model, task, file, inputs, outputs, batch } = await readRecipe(path);
  const files = await readModelFiles(resolve(dirname(path), file));
  const blobs: Blobs = new Map();
  const { modelTopology, signature, userDefinedMetadata } = files.modelJson;
  const named = { ...(signature && { signature }), ...(userDefinedMetadata && { userDefinedMetadata }) };
  const weights = [...partsOf(files).values()];
  const packed = await packModel({ kind: files.kind, modelTopology, ...named, weights }, blobs);
  const examples = exampleOf(inputs);
  return {
    draft: { format: "upriver/2", model, task, network: { ...packed, inputs, outputs, batch }, examples },
    blobs,
  };
}

/** Models with longer instances get no example. */
const exampleMaxChars = 2_000;

/** Creates an example instance of random values; none when it would be too long. */
function exampleOf(inputs: ImportRecipe["inputs"]): Instance[] {
  const parts = Object.entries(randomInputs(inputs, 1)).map(([name, tensor]) => [name, decodeRow(tensor, 0)]);
  const short = (_: string, value: unknown) => (typeof value === "number" ? Math.round(100 * value) / 100 : value);
  const text = JSON.stringify(Object.fromEntries(parts), short);
  return text.length > exampleMaxChars ? [] : [JSON.parse(text) as Instance];
}

async function readRecipe(path: string): Promise<ImportRecipe> {
  const next = "'npx upriver import <model.json>' writes one.";
  const text = await readIfPresent(path);
  if (text === null) throw new Error(`There is no recipe at ${path}. ${next}`);
  const read = importRecipeSchema.safeParse(parseJson(path, text.toString("utf8")));
  if (read.success) return read.data;
  const fields = read.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? issue.keys : [issue.path.join(".")],
  );
  throw new Error(
    `${path} is not a valid recipe: missing, unknown or invalid: ${[...new Set(fields)].join(", ")}. ${next}`,
  );
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path} is not valid JSON. Correct it, or write it again with 'npx upriver import'.`, { cause });
  }
}
