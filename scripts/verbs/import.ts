import { basename, dirname, resolve } from "node:path";
import type { Command } from "commander";
import { readModelFiles } from "#origin/import/files.ts";
import { type Inspection, inspect, timeHere } from "#origin/import/inspect.ts";
import { writeRecipe } from "#origin/import/recipe.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { UsageError } from "../local/usage.ts";
import { type Cost, Probe } from "../probe/index.ts";

/** Memory that one model may use of an isolate's 128 MB while it is loaded and runs. */
export const modelMaxBytes = 96 * 1024 * 1024;

interface Options {
  name?: string;
  out: string;
  shape: string[];
  json?: boolean;
}

/** A model that was inspected, with the path of its recipe; `refused` says why the edge cannot serve it. */
interface ImportedModel {
  model: string;
  path: string;
  inspection: Inspection;
  cost: Cost | null;
  nodeMs: number | null;
  recipe: string | null;
  refused: string | null;
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
    .option("--name <model>", "name of the model (default: the name of its folder, or of its .onnx file)")
    .option(
      "--shape <input=sizes>",
      "shape of an input whose sizes the model leaves open, such as image=64,64,3",
      collect,
      [],
    )
    .option("--out <folder>", "output folder of the recipe", ".")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExample:\n  npx upriver import face/model.json && npx upriver publish face.recipe.json\n" +
        "\nAn .onnx file is converted: its inputs and outputs keep their names and shapes, with the batch first.\n" +
        "\nThe model runs here and in workerd on random values; operations, memory and time are measured.",
    )
    .action(run);
}

async function run(paths: string[], { name, out, shape, json }: Options): Promise<void> {
  if (name !== undefined && paths.length > 1) {
    throw new UsageError(
      "--name is for one model. Without it, each model is named after its folder or its .onnx file.",
    );
  }
  const progress = showProgress("importing", paths.length);
  const probe = await Probe.start();
  const models: ImportedModel[] = [];
  try {
    for (const [i, path] of paths.entries()) {
      progress.update(i, path);
      models.push(await importOne(path, name ?? nameOf(path), shapesOf(shape), out, probe));
    }
  } finally {
    await probe.stop();
    progress.end();
  }
  printResult(json, { models }, () => (models.length === 1 ? describe(models[0] as ImportedModel) : tableOf(models)));
  if (models.some(({ refused }) => refused !== null)) process.exitCode = 1;
}

async function importOne(
  path: string,
  model: string,
  shapes: Record<string, number[]>,
  out: string,
  probe: Probe,
): Promise<ImportedModel> {
  const files = await readModelFiles(path, { shapes });
  const inspection = await inspect(files, shapes);
  const none = { model, path, inspection, cost: null, nodeMs: null, recipe: null };
  if (inspection.unsupported.length > 0) return { ...none, refused: unsupportedText(inspection) };
  const cost = await probe.cost(files, inspection);
  const nodeMs = await timeHere(files, inspection);
  const refused = tooLarge(inspection, cost);
  if (refused) return { ...none, cost, nodeMs, refused };
  return { ...none, cost, nodeMs, recipe: await writeRecipe(files, inspection, model, out), refused: null };
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

function describe({ model, path, inspection, cost, nodeMs, recipe, refused }: ImportedModel): string {
  const { kind, operations, inputs, outputs, batch, bytes, embedding } = inspection;
  const counted = Object.entries(operations).map(([operation, count]) => `${count} ${operation}`);
  const specs = (all: Inspection["inputs"]) =>
    all.map(({ name, shape, dtype }) => `${name} ${dtype} [${shape}]`).join(", ");
  const head = `${model}: ${kind} with ${counted.join(", ")}`;
  if (refused !== null && !cost) return `${head}\nThe edge cannot serve it: ${refused}.`;
  const lines = [
    head,
    `inputs ${specs(inputs)}; outputs ${specs(outputs)}; ${batch ? "batched" : "one instance at a time"}`,
    `weights ${megabytes(bytes.weights)} stored, ${megabytes(bytes.expanded)} in memory; peak of tensors ` +
      `${megabytes(bytes.peak)}; WASM heap ${megabytes(cost?.heap ?? 0)}`,
    `${cost?.ms.toFixed(2)} ms per instance in workerd, ${nodeMs?.toFixed(2)} ms in Node, on this machine`,
  ];
  if (refused !== null) return [...lines, `The edge cannot serve it: ${refused}.`].join("\n");
  if (embedding) {
    lines.push(
      `embedding: '${embedding.tensor}', ${embedding.width} values; to teach it your own labels: ` +
        `npx upriver create <name> --base ${path} --cut ${embedding.tensor} --labels <a,b,…>`,
    );
  }
  return [...lines, `Next: npx upriver publish ${recipe}`].join("\n");
}

function tableOf(models: readonly ImportedModel[]): string {
  const header = [
    "model",
    "operations",
    "bytes",
    "peak of tensors",
    "WASM heap",
    "ms in workerd",
    "ms in Node",
    "recipe",
  ];
  const rows = models.map(({ model, inspection: { operations, bytes }, cost, nodeMs, recipe, refused }) => [
    model,
    Object.keys(operations).length,
    bytes.weights,
    bytes.peak,
    cost?.heap ?? null,
    cost ? cost.ms.toFixed(2) : null,
    nodeMs === null ? null : nodeMs.toFixed(2),
    recipe ?? `refused: ${refused}`,
  ]);
  return formatTable([header, ...rows]);
}

function unsupportedText({ unsupported }: Inspection): string {
  const parts = unsupported.map(({ operation, reason, where }) => {
    const places = where.length > 3 ? `${where.slice(0, 3).join(", ")} and ${where.length - 3} more` : where.join(", ");
    return `'${operation}' (${reason}${places ? `; in ${places}` : ""})`;
  });
  return parts.join("; ");
}

function nameOf(path: string): string {
  const named = path.endsWith(".json") ? dirname(resolve(path)) : resolve(path);
  return basename(named)
    .replace(/\.onnx$/i, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
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

function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
