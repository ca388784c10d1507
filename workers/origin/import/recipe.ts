import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { type Instance, type TensorManifest, type TensorRecipe, tensorRecipeSchema } from "#core/contract/index.ts";
import { decodeRow } from "#core/input/tensors.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import type { Artefact, Unpublished } from "../train/index.ts";
import { type Blobs, packModel } from "../train/pack.ts";
import { checkIfCheap } from "./check/index.ts";
import { inputRanges, type Ranges } from "./check/input-ranges.ts";
import { randomInputs } from "./check/random-inputs.ts";
import { partsOf, readModelFiles, type TfjsModelFiles } from "./files.ts";
import type { Inspection } from "./inspect.ts";

/**
 * Writes an inspected model's recipe into a folder, and returns its path. Throws when a recipe with other content is there
 * already, unless it may be replaced.
 */
export async function writeRecipe(
  { path }: Pick<TfjsModelFiles, "path">,
  { inputs, outputs, batch, embedding }: Pick<Inspection, "inputs" | "outputs" | "batch" | "embedding">,
  model: string,
  folder: string,
  mayReplace = false,
): Promise<string> {
  const recipe: TensorRecipe = {
    ...{ name: model, task: "tensor", source: relative(resolve(folder), resolve(path)) },
    ...{ inputs, outputs, batch, embedding },
  };
  checkRecipe(recipe);
  const to = join(folder, `${model}.recipe.json`);
  await mkdir(folder, { recursive: true });
  const before = await readFile(to, "utf8").catch(() => null);
  if (before !== null && !mayReplace && !isSame(before, recipe)) {
    throw new Error(
      `${to} already exists and has other content. Choose another name with --name or another folder with --out, or ` +
        "replace it with --force",
    );
  }
  await writeFile(to, `${JSON.stringify(recipe, null, 2)}\n`);
  return to;
}

// What publish would refuse is refused before it is written.
function checkRecipe(recipe: TensorRecipe): void {
  const [fault] = tensorRecipeSchema.safeParse(recipe).error?.issues ?? [];
  if (!fault) return;
  throw new Error(
    `Its recipe would not be valid at '${fault.path.join(".")}': ${fault.message}. Export the model with other names or shapes`,
  );
}

function isSame(text: string, recipe: TensorRecipe): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(recipe);
  } catch {
    return false;
  }
}

/** Creates a version of the model that a recipe describes; `folder` is what its source is relative to. */
export async function importModelOf(
  { name: model, task, source, inputs, outputs, batch }: TensorRecipe,
  folder: string,
): Promise<Artefact<Unpublished<TensorManifest>>> {
  await startBackend();
  const shapes = Object.fromEntries(inputs.map(({ name, shape }) => [name, shape]));
  const files = await readModelFiles(resolve(folder, source), { shapes });
  const ranges = await inputRanges(files, inputs);
  const check = await checkIfCheap(files, { inputs, outputs, ranges });
  if (check?.fault) throw new Error(`The edge cannot serve ${model}: ${check.fault}.`);
  const blobs: Blobs = new Map();
  const { modelTopology, signature, userDefinedMetadata } = files.modelJson;
  const named = { ...(signature && { signature }), ...(userDefinedMetadata && { userDefinedMetadata }) };
  const weights = [...partsOf(files).values()];
  const packed = await packModel({ kind: files.kind, modelTopology, ...named, weights }, blobs);
  const examples = exampleOf(inputs, ranges);
  return {
    draft: { format: "upriver/2", model, task, network: { ...packed, inputs, outputs, batch }, examples },
    blobs,
  };
}

/** Models with longer instances get no example. */
const exampleMaxChars = 2_000;

/** Creates an example instance of random values; none when it would be too long. */
function exampleOf(inputs: TensorRecipe["inputs"], ranges: Ranges): Instance[] {
  const parts = Object.entries(randomInputs(inputs, 1, { ranges })).map(([name, tensor]) => [
    name,
    decodeRow(tensor, 0),
  ]);
  const short = (_: string, value: unknown) => (typeof value === "number" ? Math.round(100 * value) / 100 : value);
  const text = JSON.stringify(Object.fromEntries(parts), short);
  return text.length > exampleMaxChars ? [] : [JSON.parse(text) as Instance];
}
