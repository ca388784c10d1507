import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import { clientFor } from "../local/context.ts";
import { instanceFrom, isPicture } from "../local/instances.ts";
import { printResult, progressOf } from "../local/output.ts";

interface Options {
  json?: boolean;
}

/** `upriver teach`: examples of a label, or what a question turned out to be. */
export function teachVerb(program: Command): void {
  program
    .command("teach")
    .description("say what is right: examples of a label, or what a question turned out to be")
    .argument("<model or id>", "a model, with its examples; or a question's id, alone")
    .argument("<label>")
    .argument("[instances...]", "pictures, files of JSON, or JSON")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  npx upriver teach pets cat cats/*.jpg\n  npx upriver teach storefront~lagoon~0mw… umbrella",
    )
    .action(run);
}

async function run(target: string, label: string, given: string[], { json }: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "teach");
  if (given.length === 0) {
    if (!target.includes("~"))
      throw new Error("Error in teach: a model is taught by examples: name some after the label.");
    const taught = await client.teach(target, label);
    return printResult(json, taught, () => `${taught.id}: ${taught.label}, by ${taught.source}`);
  }
  const changed = await teachExamples(client, target, label, given);
  printResult(
    json,
    { model: target, label, taught: given.length, changed },
    () => `${target}: ${given.length} examples of '${label}'.`,
  );
}

async function teachExamples(client: UpriverClient, model: string, label: string, given: string[]): Promise<number> {
  const progress = progressOf("teaching", given.length);
  let changed = 0;
  for (const [i, text] of given.entries()) {
    const instance = await instanceFrom(text);
    const taught = isPicture(instance)
      ? await client.teachPicture(model, instance, label)
      : await client.teachMany(model, { truths: [{ label, question: { instance } }] });
    changed += taught.changed;
    progress.update(i + 1);
  }
  progress.end();
  return changed;
}
