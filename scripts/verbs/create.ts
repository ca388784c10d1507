import type { Command } from "commander";
import { createModel } from "#origin/import/create.ts";
import { publish } from "#origin/publish.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { clientFor, signingKey } from "../local/context.ts";
import { printResult } from "../local/output.ts";

interface Options {
  base: string;
  cut?: string;
  labels: string;
  scale?: string;
  offset?: string;
  risk: string;
  json?: boolean;
}

/** `upriver create`: a model of a pre-trained base, which regions teach by example. */
export function createVerb(program: Command): void {
  program
    .command("create")
    .description("make a model of a pre-trained base: it learns your labels from a few examples, with no training job")
    .argument("<model>", "what it will be called")
    .requiredOption("--base <model.json>", "the pre-trained TensorFlow.js model, or its folder")
    .requiredOption("--labels <a,b,…>", "what it is to tell apart")
    .option("--cut <layer>", "the layer to learn on (what comes before its last dense layer)")
    .option("--scale <factor>", "what values are multiplied by first (1/255 for images, else 1)")
    .option("--offset <value>", "what is added then", "0")
    .option("--risk <share>", "how many of the answers that it gives by itself may be wrong", "0.05")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  npx upriver create pets --base mobilenet/model.json --cut global_average_pooling2d --labels cat,dog" +
        "\n\nThen teach it: npx upriver teach pets cat cats/*.jpg",
    )
    .action(run);
}

async function run(model: string, options: Options, command: Command): Promise<void> {
  const { base, cut, json } = options;
  const labels = options.labels.split(",").map((label) => label.trim());
  if (labels.length < 2 || new Set(labels).size < labels.length || labels.includes("")) {
    throw new Error(`Error in create: --labels takes two or more different ones, but got '${options.labels}'.`);
  }
  const scale = options.scale === undefined ? undefined : numberOf("scale", options.scale);
  const [offset, targetRisk] = [numberOf("offset", options.offset ?? "0"), numberOf("risk", options.risk)];
  if (targetRisk <= 0 || targetRisk >= 1) throw new Error("Error in create: --risk lies between 0 and 1.");
  const artefact = await createModel({ model, base, cut, labels, scale, offset, targetRisk });
  const client = await clientFor(command, "publish");
  const { version } = await publish(client, artefact, await signingKey());
  await client.rollout(model, { version });
  const { thin } = artefact.draft;
  const { tensor, width } = thin.backbone.embedding;
  printResult(json, { model, version, tensor, width, bytes: bytesOf(thin), input: thin.input }, () =>
    [
      `Created ${model} version ${version} on '${tensor}', ${width} wide, ${bytesOf(thin)} bytes. It knows nothing yet.`,
      `Teach it a few examples of each label; it answers by them seconds later:`,
      `  npx upriver teach ${model} ${labels[0]} ${labels[0]}/*.jpg`,
      `What it is not sure of goes to a person: npx upriver review ${model}`,
    ].join("\n"),
  );
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new Error(`Error in create: --${option} takes a number, but got '${text}'.`);
}
