import type { Command } from "commander";
import type { LabelResult, UpriverClient } from "#client/index.ts";
import { askedInstance } from "../local/asked.ts";
import { clientFor } from "../local/context.ts";
import { instanceFrom, isPictureInput } from "../local/instances.ts";
import { printResult, showProgress } from "../local/output.ts";
import { UsageError } from "../local/usage.ts";

interface Options {
  json?: boolean;
}

/** `upriver teach`: teaches a model examples of a label, or records the truth of a question. */
export function teachVerb(program: Command): void {
  program
    .command("teach")
    .description("teach a model examples of a label, or record the true label of a question")
    .argument("<model or id>", "a model, followed by examples; or the id of a question")
    .argument("<label>", "the correct label, or the correct number")
    .argument("[instances...]", "examples: pictures, JSON files or JSON")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExamples:\n  npx upriver teach pets cat cats/*.jpg\n  npx upriver teach storefront~lagoon~0mw… umbrella" +
        "\n  npx upriver teach temperature~Perth~0mw… 31.5",
    )
    .action(run);
}

async function run(target: string, label: string, given: string[], { json }: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "teach");
  if (given.length === 0) {
    if (!target.includes("~"))
      throw new UsageError("A model needs examples: add pictures, JSON files or JSON after the label.");
    const taught = await teachQuestion(client, target, label);
    return printResult(json, taught, () => `${taught.id}: ${taught.label}, by ${taught.source}`);
  }
  const changed = await teachExamples(client, target, label, given);
  printResult(
    json,
    { model: target, label, taught: given.length, changed },
    () => `${target}: taught ${given.length} examples of '${label}'.`,
  );
}

/** Records the truth of a question. One that was not stored is sent along, if it was asked from here. */
async function teachQuestion(client: UpriverClient, id: string, label: string): Promise<LabelResult> {
  const instance = await askedInstance(id);
  return client.teach(id, instance ? { label, instance } : label);
}

async function teachExamples(client: UpriverClient, model: string, label: string, given: string[]): Promise<number> {
  const progress = showProgress("teaching", given.length);
  let changed = 0;
  for (const [i, text] of given.entries()) {
    const instance = await instanceFrom(text);
    const taught = isPictureInput(instance)
      ? await client.teachPicture(model, instance, label)
      : await client.teachMany(model, { truths: [{ label, question: { instance } }] });
    changed += taught.changed;
    progress.update(i + 1);
  }
  progress.end();
  return changed;
}
