import { createInterface } from "node:readline";
import type { Command } from "commander";
import type { ReviewQuestion, UpriverClient } from "../../workers/client/index.ts";
import { classifying } from "../../workers/core/artefacts.ts";
import { clientFor } from "../local/context.ts";
import { percent, print, table } from "../local/output.ts";

interface Options {
  reviewer?: string;
  label?: string;
  json?: boolean;
}

/** `upriver review`: a person answers what no model could. */
export function reviewVerb(program: Command): void {
  program
    .command("review")
    .description("answer the questions that no rung was sure of, one at a time")
    .argument("<model>")
    .option("--reviewer <name>", "who you are, so that two people don't get the same question")
    .option("--label <label>", "answer the oldest question with this label, and stop")
    .option("--json", "print one JSON object: the answer with --label, else the oldest question")
    .addHelpText("after", "\nExample:\n  npx upriver review storefront --reviewer ada")
    .action(run);
}

async function run(model: string, options: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "review");
  if (options.label !== undefined || options.json) return answerOldest(client, model, options);
  const { labels } = classifying(await client.manifest(model));
  const terminal = createInterface({ input: process.stdin });
  // Line by line, so that what is typed, or piped, ahead is not lost.
  const lines = terminal[Symbol.asyncIterator]();
  let answered = 0;
  for (;;) {
    const { questions, waiting } = await client.review(model, options);
    const [question] = questions;
    if (!question) break;
    console.log(`\n${describe(question, labels)}\n${waiting} waiting`);
    process.stdout.write("Label (number), or q to stop: ");
    const { value: typed = "q" } = await lines.next();
    if (typed.trim() === "q") break;
    const label = labels[Number(typed) - 1];
    if (label === undefined) {
      console.log(`Please type a number from 1 to ${labels.length}.`);
      continue;
    }
    await client.answer(question.id, label, options);
    answered++;
  }
  terminal.close();
  console.log(`\n${answered} answered. Next: npx upriver retrain ${model}`);
}

async function answerOldest(client: UpriverClient, model: string, options: Options): Promise<void> {
  const { questions, waiting } = await client.review(model, options);
  const [question = null] = questions;
  if (options.label === undefined || !question) {
    return print(options.json, { question, waiting }, () => "No question waits for a person.");
  }
  const answer = await client.answer(question.id, options.label, options);
  print(options.json, { question, answer, waiting: waiting - 1 }, () => `${question.id}: ${answer.label}`);
}

function describe({ id, region, instance, provisional }: ReviewQuestion, labels: readonly string[]): string {
  const columns = Object.entries(instance).map(([name, value]) => [`  ${name}`, JSON.stringify(value)]);
  const choices = labels.map((label, i) => [
    `  ${i + 1}`,
    label,
    provisional ? percent(provisional.scores[label] ?? 0) : null,
  ]);
  return `${id} (${region})\n${table(columns)}\n${table(choices)}`;
}
