import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { createModel, recipeOfCreated } from "#origin/import/create.ts";
import { teachableMetadata } from "#origin/import/teachable.ts";
import { publish } from "#origin/publish.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { clientFor, signingKey } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { schemaPath } from "../local/project.ts";
import { formatRecipe } from "../local/recipe-file.ts";
import { nameListParser, numberParser, UsageError } from "../local/usage.ts";

interface Options {
  base: string;
  cut?: string;
  keepHead?: boolean;
  labels?: string[];
  scale?: number;
  offset?: number;
  risk: number;
  out: string;
  json?: boolean;
}

/** `upriver create`: makes a model from a pre-trained base, which regions teach by example. */
export function createVerb(program: Command): void {
  program
    .command("create")
    .description("make a model from a pre-trained base; it learns your labels from a few examples, without training")
    .argument("<model>", "the name of the new model")
    .requiredOption(
      "--base <model>",
      "the pre-trained model: a model.json of TensorFlow.js, its folder, or an .onnx file",
    )
    .option("--labels <a,b,…>", "the labels to tell apart", nameListParser("--labels"))
    .option(
      "--cut <layer>",
      "the layer to learn on, as layer@1 for its second application or layer:1 for its second output " +
        "(default: the one before the last dense layer)",
    )
    .option("--keep-head", "answer with the model's own last layer; --labels are its classes, in their order")
    .option("--scale <factor>", "factor for input values (default: 1/255 for images, else 1)", numberParser("--scale"))
    .option("--offset <value>", "value added after scaling (default: 0)", numberParser("--offset"))
    .option(
      "--risk <share>",
      "target risk: the error rate allowed among accepted answers",
      numberParser("--risk", { above: 0, below: 1 }),
      0.05,
    )
    .option("--out <folder>", "output folder of the recipe", ".")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExample:\n  npx upriver create pets --base mobilenet/model.json --cut global_average_pooling2d --labels cat,dog" +
        "\n\nThen teach it: npx upriver teach pets cat cats/*.jpg" +
        "\n\nA Teachable Machine image export names its labels and how it scales pixels:" +
        "\n  npx upriver create plants --base teachable/ --keep-head && npx upriver ask plants leaf.jpg",
    )
    .action(run);
}

async function run(model: string, options: Options, command: Command): Promise<void> {
  const { base, cut, keepHead, risk: targetRisk, out, json } = options;
  const known = await teachableMetadata(base);
  const labels = options.labels ?? (keepHead ? known?.labels : undefined);
  if (!labels) {
    throw new UsageError(
      "--labels are missing: name the labels to tell apart. Only with --keep-head, and a Teachable Machine image export with " +
        "its metadata.json, are they known.",
    );
  }
  if (keepHead && cut !== undefined)
    throw new UsageError("--cut and --keep-head exclude each other. Pass one of them.");
  const isScaled = options.scale !== undefined || options.offset !== undefined;
  const { scale, offset = 0 } = isScaled || !known ? options : known;
  if (labels.length < 2 || new Set(labels).size < labels.length) {
    throw new UsageError(`--labels must be two or more different names; received '${labels.join(",")}'.`);
  }
  const given = { model, base, cut, keepHead, labels, scale, offset, targetRisk };
  const artefact = await createModel(given);
  const recipe = join(out, `${model}.recipe.json`);
  await writeFile(recipe, formatRecipe({ $schema: schemaPath(resolve(out)), ...recipeOfCreated(given, out) }));
  const client = await clientFor(command, "publish");
  const { version } = await publish(client, artefact, await signingKey(command));
  await client.rollout(model, { version });
  const { thin } = artefact.draft;
  const { tensor, width } = thin.backbone.embedding;
  printResult(json, { model, version, recipe, tensor, width, bytes: bytesOf(thin), input: thin.input }, () =>
    [
      `Created ${model} version ${version} on '${tensor}' (${width} values, ${bytesOf(thin)} bytes). It has no examples yet` +
        `${keepHead ? ", and starts with the model's own last layer" : ""}.`,
      "Teach it a few examples of each label; it uses them within seconds:",
      `  npx upriver teach ${model} ${shellWord(labels[0] as string)} ${shellWord(labels[0] as string)}/*.jpg`,
      `Questions that it does not accept go to a person: npx upriver review ${model}`,
    ].join("\n"),
  );
}

function shellWord(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
