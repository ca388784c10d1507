import { writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { Instance, TensorManifest, TensorRecipe } from "#core/contract/index.ts";
import { decodeRow } from "#core/input/tensors.ts";
import type { Artefact, Unpublished } from "../train/index.ts";
import { type Blobs, packModel } from "../train/pack.ts";
import { partsOf, readModelFiles, type TfjsModelFiles } from "./files.ts";
import type { Inspection } from "./inspect.ts";
import { randomInputs } from "./random-inputs.ts";

/** Writes an inspected model's recipe into a folder, and returns its path. */
export async function writeRecipe(
  { path }: TfjsModelFiles,
  { inputs, outputs, batch, embedding }: Inspection,
  model: string,
  folder: string,
): Promise<string> {
  const recipe: TensorRecipe = {
    ...{ name: model, task: "tensor", source: relative(resolve(folder), resolve(path)) },
    ...{ inputs, outputs, batch, embedding },
  };
  const to = join(folder, `${model}.recipe.json`);
  await writeFile(to, `${JSON.stringify(recipe, null, 2)}\n`);
  return to;
}

/** Creates a version of the model that a recipe describes; `folder` is what its source is relative to. */
export async function importModelOf(
  { name: model, task, source, inputs, outputs, batch }: TensorRecipe,
  folder: string,
): Promise<Artefact<Unpublished<TensorManifest>>> {
  const shapes = Object.fromEntries(inputs.map(({ name, shape }) => [name, shape]));
  const files = await readModelFiles(resolve(folder, source), { shapes });
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
function exampleOf(inputs: TensorRecipe["inputs"]): Instance[] {
  const parts = Object.entries(randomInputs(inputs, 1)).map(([name, tensor]) => [name, decodeRow(tensor, 0)]);
  const short = (_: string, value: unknown) => (typeof value === "number" ? Math.round(100 * value) / 100 : value);
  const text = JSON.stringify(Object.fromEntries(parts), short);
  return text.length > exampleMaxChars ? [] : [JSON.parse(text) as Instance];
}
