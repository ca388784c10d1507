import type { Command } from "commander";
import { modelNameSchema } from "#core/contract/index.ts";
import { isTrap, restartBackend } from "#origin/import/check/backends.ts";
import { largestOf } from "#origin/import/check/difference.ts";
import { checkModel, faultElsewhere } from "#origin/import/check/index.ts";
import { readModelFiles } from "#origin/import/files.ts";
import { type Inspection, inspect, timeHere } from "#origin/import/inspect.ts";
import { writeRecipe } from "#origin/import/recipe.ts";
import { refusalText } from "#origin/import/refused/refusal.ts";
import { describeImport, type ImportedModel, megabytes, tableOfImports } from "../local/import-report.ts";
import { modelNamesOf } from "../local/model-names.ts";
import { printResult, showProgress } from "../local/output.ts";
import { checkName, UsageError } from "../local/usage.ts";
import { type Cost, Probe } from "../probe/index.ts";

/** Memory that one model may use of an isolate's 128 MB while it is loaded and runs. */
export const modelMaxBytes = 96 * 1024 * 1024;

interface Options {
  name?: string;
  out: string;
  shape: string[];
  force?: boolean;
  json?: boolean;
}

/** `upriver import`: checks existing models before anything is published, and writes a recipe for each. */
export function importVerb(program: Command): void {
  program
    .command("import")
    .description(
      "check whether the edge can serve a TensorFlow.js or ONNX model, and write the recipe that publishes it",
    )
    .argument(
      "<model...>",
      "models: a model.json in TensorFlow.js graph or layers format, its folder, or an .onnx file",
    )
    .option("--name <model>", "name of the model (default: its file's name; its folder's where the file is model.json)")
    .option(
      "--shape <input=sizes>",
      "shape of an input whose sizes the model leaves open, such as image=64,64,3",
      collect,
      [],
    )
    .option("--out <folder>", "output folder of the recipe", ".")
    .option("--force", "replace recipes that exist with other content")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExample:\n  npx upriver import face/model.json && npx upriver publish face.recipe.json\n" +
        "\nAn .onnx file is converted: its inputs and outputs keep their names and shapes, with the batch first.\n" +
        "\nThe model runs here and in workerd on random values; operations, memory and time are measured. Its answers are " +
        "compared with\nthose of TensorFlow.js's CPU backend: a model that the edge would compute otherwise is refused, with " +
        "the first layer or node\nthat differs. With several models, those that are refused do not stop the others, and the " +
        "exit code is 1.",
    )
    .action(run);
}

async function run(paths: string[], { name, out, shape, force, json }: Options): Promise<void> {
  if (name !== undefined && paths.length > 1) {
    throw new UsageError("--name is for one model. Without it, each model is named after its file or folder.");
  }
  const shapes = shapesOf(shape);
  const names = name === undefined ? modelNamesOf(paths) : [checkName(name)];
  const progress = showProgress("importing", paths.length);
  const probe = await Probe.start();
  const models: ImportedModel[] = [];
  try {
    for (const [i, path] of paths.entries()) {
      const say = (doing: string) => progress.update(i, `${path}: ${doing}`);
      models.push(await importOne(path, names[i] as string, { shapes, out, mayReplace: force === true, probe, say }));
    }
  } finally {
    await probe.stop();
    progress.end();
  }
  printResult(json, { models }, () =>
    models[1] ? tableOfImports(models) : describeImport(models[0] as ImportedModel),
  );
  if (models.some(({ refused }) => refused !== null)) process.exitCode = 1;
}

interface Settings {
  shapes: Record<string, number[]>;
  out: string;
  mayReplace: boolean;
  probe: Probe;
  say: (doing: string) => void;
}

/** Imports a model, as far as it gets: one that cannot be served says why. */
async function importOne(path: string, model: string, settings: Settings): Promise<ImportedModel> {
  const found: ImportedModel = {
    ...{ model, path, inspection: null, difference: null, cost: null, nodeMs: null, recipe: null, notes: [] },
    refused: null,
  };
  try {
    const refused = await importInto(found, settings);
    return { ...found, refused };
  } catch (error) {
    if (isTrap(error)) await restartBackend();
    const reason = error instanceof Error ? error.message : String(error);
    return { ...found, refused: reason.trim().replace(/\.$/, "") };
  }
}

// Fills in what is found, and returns why the edge cannot serve the model.
async function importInto(found: ImportedModel, settings: Settings): Promise<string | null> {
  const { model, path } = found;
  const { shapes, out, mayReplace, probe, say } = settings;
  if (!modelNameSchema.safeParse(model).success)
    return "its file and folder give no name for it; choose one with --name";
  say("reading");
  const files = await readModelFiles(path, { shapes });
  const inspection = await inspect(files, shapes);
  found.inspection = inspection;
  if (inspection.unsupported.length > 0) return refusalText(inspection.unsupported);
  say("checking against TensorFlow.js's CPU backend");
  const { rows, difference, fault, notes } = await checkModel(files, inspection);
  Object.assign(found, { difference, notes: [...inspection.notes, ...notes] });
  if (fault) return fault;
  say("running in workerd");
  const { answers, ...cost } = await probe.cost(files, inspection, rows);
  found.cost = cost;
  const there = faultElsewhere("workerd", answers, inspection, rows);
  found.difference = largestOf([difference, there.difference]);
  // A note says why the answers may differ.
  if (there.fault && notes.length === 0) return there.fault;
  found.nodeMs = await timeHere(files, inspection);
  const refused = tooLarge(inspection, cost);
  if (refused) return refused;
  found.recipe = await writeRecipe(files, inspection, model, out, mayReplace);
  return null;
}

/** Says why a model does not fit into an isolate; null when it fits. */
export function tooLarge({ bytes }: Pick<Inspection, "bytes">, { heap }: Pick<Cost, "heap">): string | null {
  // While a model is loaded, its blobs are in memory beside the heap.
  const needed = heap + bytes.weights;
  if (needed <= modelMaxBytes) return null;
  return (
    `it needs ${megabytes(needed)} at run time, and an isolate has ${megabytes(modelMaxBytes)} for a model; ` +
    "make it smaller ('npx upriver thin') or serve it at the origin"
  );
}

function shapesOf(given: readonly string[]): Record<string, number[]> {
  const shapes = given.map((text): [string, number[]] => {
    const [, input, sizes] = /^(.+)=(\d+(?:,\d+)*)$/.exec(text) ?? [];
    if (input && sizes) return [input, sizes.split(",").map(Number)];
    throw new UsageError(`--shape must be input=size,size,…, such as image=64,64,3; received '${text}'.`);
  });
  return Object.fromEntries(shapes);
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
