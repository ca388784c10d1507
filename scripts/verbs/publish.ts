import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import * as z from "zod";
import type { UpriverClient } from "#client/index.ts";
import type { ModelPointer, TensorManifest } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { type Inputs, importModel, inputsSchema } from "#origin/import/index.ts";
import { importFrom, isImportRecipe } from "#origin/import/recipe.ts";
import { publish } from "#origin/publish.ts";
import { recipeOf, type WeightType, weightTypes } from "#origin/recipes/index.ts";
import type { Artefact, ManifestDraft, Unpublished } from "#origin/train/index.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { loadArtefact } from "#origin/train/store.ts";
import { artefactFolder, clientFor, signingKey } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { type TrainingSetOptions, trainingSet, trainingSetOptions } from "../local/training-set.ts";

type Publishable = Artefact<ManifestDraft | Unpublished<TensorManifest>>;

const pollMs = 250;

interface Options extends TrainingSetOptions {
  thin?: string;
  full?: string;
  input?: string;
  weights?: WeightType;
  share?: string;
  rollout: boolean;
  json?: boolean;
}

/** `upriver publish`: a trained model becomes the next version, whoever trained it. */
export function publishVerb(program: Command): void {
  const command = program
    .command("publish")
    .description("publish a trained model as the next version, and roll it out")
    .argument(
      "<recipe>",
      "a recipe that was trained, the folder that 'train --out' wrote, or a recipe that 'import' wrote",
    )
    .option(
      "--thin <model.json>",
      "a thin network that something else trained, in TensorFlow.js's layers or graph format",
    )
    .option("--full <model.json>", "the full network beside it")
    .option("--input <input.json>", "how they take instances, as 'export' wrote it (fitted anew unless given)")
    .addOption(new Option("--weights <type>", "store that thin network's weights so").choices(weightTypes));
  trainingSetOptions(command)
    .option("--share <share>", "as a canary, to this share of the callers (0 to 1)")
    .option("--no-rollout", "publish only: nobody is served by it yet")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\n--before, --data and --samples say which rows another's networks are certified on: give what 'export' was given." +
        "\n\nExamples:\n  npx upriver publish storefront --share 0.1" +
        "\n  npx upriver publish storefront --full full/model.json --thin thin/model.json --input set/input.json",
    )
    .action(run);
}

async function run(recipe: string, options: Options, command: Command): Promise<void> {
  const { share, rollout, json } = options;
  const artefact = await artefactOf(recipe, options, command);
  const client = await clientFor(command, "publish");
  const { model, version } = await publish(client, artefact, await signingKey());
  const target = share === undefined ? { version } : { version, share: Number(share) };
  const pointer = rollout ? await client.rollout(model, target) : null;
  const servedAfterMs = pointer && (await untilServed(client, pointer));
  const networks = networksOf(artefact);
  printResult(json, { model, version, pointer, servedAfterMs, networks }, () => {
    const figures = networks.map(
      ({ name, accuracy, bytes, covered }) =>
        `${name}: ${percent(accuracy)} right, ${bytes} bytes, sure of ${percent(covered)} by certificate\n`,
    );
    if (!pointer)
      return `${figures.join("")}Published ${model} version ${version}. Next: npx upriver rollout ${model} ${version}`;
    const { canary } = pointer;
    const whom = canary ? `a canary for ${canary.share} of the callers` : "served to all";
    return `${figures.join("")}Published ${model} version ${version}, ${whom}; this edge serves it after ${servedAfterMs} ms.`;
  });
}

function artefactOf(recipe: string, options: Options, command: Command): Promise<Publishable> {
  if (isImportRecipe(recipe)) return importFrom(recipe);
  return isImport(options) ? imported(recipe, options, command) : trained(recipe);
}

function isImport({ thin, full, input, weights }: Options): boolean {
  if (thin !== undefined) return true;
  if (full === undefined && input === undefined && weights === undefined) return false;
  throw new Error(
    "Error in publish: --full, --input and --weights go with --thin <model.json>, the network of the edge.",
  );
}

function trained(recipe: string): Promise<Artefact> {
  return loadArtefact(existsSync(recipe) ? recipe : artefactFolder(recipe));
}

async function imported(name: string, options: Options, command: Command): Promise<Artefact> {
  const { thin = "", full = null, weights } = options;
  const recipe = recipeOf(name);
  const inputs = options.input === undefined ? undefined : await readInputs(options.input);
  return importModel(recipe, await trainingSet(recipe, options, command), { thin, full, inputs, weights });
}

async function readInputs(path: string): Promise<Inputs> {
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new Error(`Error in publish: expected an input.json of 'npx upriver export' at '${path}'.`, { cause });
  });
  const read = inputsSchema.safeParse(parseJson(text));
  if (read.success) return read.data;
  throw new Error(
    `Error in publish: ${path} must be what 'npx upriver export' wrote, but ${z.prettifyError(read.error)}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function networksOf({ draft }: Publishable) {
  if (draft.task === "tensor") return [];
  return (["thin", "full"] as const).flatMap((name) => {
    const [spec, metrics] = [draft[name], draft.metrics[name]];
    if (!spec || !metrics) return [];
    const covered = spec.rule.certificate?.coverage ?? 0;
    return [{ name, accuracy: metrics.accuracy, logLoss: metrics.logLoss, bytes: bytesOf(spec), covered }];
  });
}

/** How long it takes until this edge serves by a pointer, ms. */
async function untilServed(client: UpriverClient, { model, revision }: ModelPointer): Promise<number> {
  const startedAt = Date.now();
  while ((await client.model(model)).pointer.revision < revision) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return Date.now() - startedAt;
}
