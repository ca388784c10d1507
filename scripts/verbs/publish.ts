import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { type Command, Option } from "commander";
import type { UpriverClient } from "#client/index.ts";
import type { ModelPointer, TensorManifest } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { createModelOf } from "#origin/import/create.ts";
import { type Inputs, importModel, inputsSchema } from "#origin/import/index.ts";
import { importModelOf } from "#origin/import/recipe.ts";
import { startingVersion } from "#origin/learn/from-above.ts";
import { publish } from "#origin/publish.ts";
import { isBase, recipeOfDocument, trainable, type WeightType, weightTypes } from "#origin/recipes/index.ts";
import { isWithoutRows } from "#origin/recipes/without-rows.ts";
import type { Artefact, ManifestDraft, Unpublished } from "#origin/train/index.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { loadArtefact } from "#origin/train/store.ts";
import { artefactFolder, clientFor, signingKey } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { documentFor, recipeFor } from "../local/recipe.ts";
import { type TrainingSetOptions, trainingSet, trainingSetOptions } from "../local/training-set.ts";
import { numberParser, UsageError } from "../local/usage.ts";

type Publishable = Artefact<ManifestDraft | Unpublished<TensorManifest>>;

const pollMs = 250;

interface Options extends TrainingSetOptions {
  thin?: string;
  full?: string;
  input?: string;
  weights?: WeightType;
  share?: number;
  rollout: boolean;
  json?: boolean;
}

/** `upriver publish`: publishes a model as the next version, trained here or elsewhere. */
export function publishVerb(program: Command): void {
  const command = program
    .command("publish")
    .description("publish a trained model as the next version and roll it out")
    .argument("<recipe>", "a trained recipe, a folder that 'train --out' wrote, or a recipe that 'import' wrote")
    .option("--thin <model.json>", "a thin network trained elsewhere: a TensorFlow.js model.json, or an .onnx file")
    .option("--full <model.json>", "the full network that goes with it")
    .option("--input <input.json>", "how the networks take instances, as 'export' wrote it (default: fitted again)")
    .addOption(new Option("--weights <type>", "how to store the weights of that thin network").choices(weightTypes));
  trainingSetOptions(command)
    .option(
      "--share <share>",
      "serve it as a canary to this share of callers",
      numberParser("--share", { above: 0, below: 1 }),
    )
    .option("--no-rollout", "publish without serving it to any caller")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nFor networks trained elsewhere, give --before, --data and --samples as for 'export': they select the rows that certify." +
        "\n\nExamples:\n  npx upriver publish storefront --share 0.1" +
        "\n  npx upriver publish storefront --full full/model.json --thin thin/model.json --input set/input.json",
    )
    .action(run);
}

async function run(recipe: string, options: Options, command: Command): Promise<void> {
  const { share, rollout, json } = options;
  const artefact = await artefactOf(recipe, options, command);
  const client = await clientFor(command, "publish");
  const { model, version } = await publish(client, artefact, await signingKey(command));
  const target = share === undefined ? { version } : { version, share };
  const pointer = rollout ? await client.rollout(model, target) : null;
  const servedAfterMs = pointer && (await untilServed(client, pointer));
  const networks = networksOf(artefact);
  printResult(json, { model, version, pointer, servedAfterMs, networks }, () => {
    const figures = networks.map(
      ({ name, accuracy, bytes, covered }) =>
        `${name}: accuracy ${percent(accuracy)}, ${bytes} bytes, certified coverage ${percent(covered)}\n`,
    );
    if (!pointer)
      return `${figures.join("")}Published ${model} version ${version}. Next: npx upriver rollout ${model} ${version}`;
    const { canary } = pointer;
    const whom = canary ? `a canary for ${percent(canary.share)} of callers` : "served to all callers";
    return `${figures.join("")}Published ${model} version ${version}, ${whom}. This edge served it after ${servedAfterMs} ms.`;
  });
}

async function artefactOf(recipe: string, options: Options, command: Command): Promise<Publishable> {
  const found = existsSync(recipe) && !recipe.endsWith(".recipe.json") ? null : await documentFor(recipe);
  if (found?.document.task === "tensor") return importModelOf(found.document, found.folder);
  if (found && isBase(found.document)) return createModelOf(found.document, found.folder);
  if (found && isWithoutRows(found.document)) {
    return startingVersion(await recipeOfDocument(trainable(found.document), found.folder));
  }
  return isImport(options) ? imported(recipe, options, command) : trained(recipe);
}

function isImport({ thin, full, input, weights }: Options): boolean {
  if (thin !== undefined) return true;
  if (full === undefined && input === undefined && weights === undefined) return false;
  throw new UsageError("--full, --input and --weights need --thin <model.json>, the network that the edge runs.");
}

/** Loads a trained model: from the folder that is named, or that of the recipe. */
function trained(recipe: string): Promise<Artefact> {
  const isFolder = existsSync(recipe) && !recipe.endsWith(".recipe.json");
  return loadArtefact(isFolder ? recipe : artefactFolder(basename(recipe, ".recipe.json")));
}

async function imported(name: string, options: Options, command: Command): Promise<Artefact> {
  const { thin = "", full = null, weights } = options;
  const recipe = await recipeFor(name, options.data);
  const inputs = options.input === undefined ? undefined : await readInputs(options.input);
  return importModel(recipe, await trainingSet(recipe, options, command), { thin, full, inputs, weights });
}

async function readInputs(path: string): Promise<Inputs> {
  const read = inputsSchema.safeParse(parseJson(await readFile(path, "utf8")));
  if (read.success) return read.data;
  const place = read.error.issues[0]?.path.join(".");
  throw new Error(
    `${path} is not an input description that 'npx upriver export' wrote${place ? `: check '${place}'` : ""}.`,
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

/** Waits until this edge serves a pointer; returns the time that took, in ms. */
async function untilServed(client: UpriverClient, { model, revision }: ModelPointer): Promise<number> {
  const startedAt = Date.now();
  while ((await client.model(model)).pointer.revision < revision) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return Date.now() - startedAt;
}
