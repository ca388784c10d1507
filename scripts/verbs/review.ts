import { createInterface } from "node:readline";
import type { Command } from "commander";
import { ProblemError, type ReviewQuestion, type UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import { reviewLeaseMs } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { numberOf } from "#core/input/columns.ts";
import { clientFor } from "../local/context.ts";
import { describeFailure } from "../local/failure.ts";
import { exportTasks, importTasks } from "../local/label-studio.ts";
import { formatTable, printResult } from "../local/output.ts";

interface Options {
  reviewer?: string;
  label?: string;
  export?: string;
  import?: string;
  json?: boolean;
}

/** `upriver review`: lets a person answer open questions. */
export function reviewVerb(program: Command): void {
  program
    .command("review")
    .description("answer open questions, one at a time")
    .argument("<model>", "the name of a served model")
    .option("--reviewer <name>", "your name; no two reviewers get the same question")
    .option("--label <label>", "answer the oldest question with this label, then stop")
    .option("--export <file>", "write up to 100 questions as tasks for Label Studio, leased for a day")
    .option("--import <file>", "read answers from a JSON export of Label Studio")
    .option("--json", "print one JSON object: the result of --export, --import or --label, else the oldest question")
    .addHelpText(
      "after",
      "\nExamples:\n  npx upriver review storefront --reviewer ada\n  npx upriver review storefront --export tasks.json",
    )
    .action(run);
}

async function run(model: string, options: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "review");
  if (options.export !== undefined) {
    const { export: file, json } = options;
    const exported = await exportTasks(client, model, file, options);
    return printResult(
      json,
      exported,
      () => `${exported.tasks} tasks: ${file}\nLabelling configuration: ${exported.config}`,
    );
  }
  if (options.import !== undefined) {
    const imported = await importTasks(client, model, options.import, options);
    const { accepted, skipped, refused } = imported;
    return printResult(options.json, imported, () =>
      [
        `${accepted} answered, ${skipped} without a label, ${refused.length} refused`,
        ...refused.map(({ id, reason }) => `  ${id}: ${reason}`),
      ].join("\n"),
    );
  }
  if (options.label !== undefined || options.json) return answerOldest(client, model, options);
  return answerEach(client, model, options);
}

async function answerEach(client: UpriverClient, model: string, options: Options): Promise<void> {
  const { labels, number } = classifying(await client.manifest(model));
  const unit = number?.unit === undefined ? "" : ` in ${number.unit}`;
  const what = number ? `Number${unit}` : "Label (number)";
  const terminal = createInterface({ input: process.stdin });
  // Reading line by line keeps input that was typed or piped ahead.
  const lines = terminal[Symbol.asyncIterator]();
  const typed = async (prompt: string) => {
    process.stdout.write(prompt);
    const { value = "q" } = await lines.next();
    return (value as string).trim();
  };
  const answered = new Set<string>();
  let last: ReviewQuestion | null = null;
  let toCorrect: ReviewQuestion | null = null;
  for (;;) {
    const { questions, waiting } = await client.review(model, options);
    const question: ReviewQuestion | undefined = toCorrect ?? questions[0];
    if (!question) break;
    console.log(
      `\n${describe(question, number ? [] : labels)}\n${toCorrect ? "Correcting your answer" : `${waiting} waiting`}`,
    );
    const key = await typed(`${what}, s to skip, f to flag, u to undo, q to stop: `);
    if (key === "q") {
      if (!toCorrect) await release(client, question, options);
      break;
    }
    if (key === "u" && !last) console.log("There is nothing to undo.");
    if (key === "u") {
      toCorrect = last;
      continue;
    }
    const chosen = choicesOf(question, labels).find((choice) => choice.number === key)?.label;
    const label = number ? (numberOf(key) === null ? undefined : key) : chosen;
    if (label === undefined && key !== "s" && key !== "f") {
      const expected = number ? "a number such as 24.5" : "the number of a label that is shown";
      console.log(`Type ${expected}, or one of s, f, u, q.`);
      continue;
    }
    try {
      if (label !== undefined) {
        await client.answer(question.id, label, options);
        answered.add(question.id);
        last = question;
      } else if (toCorrect === null) {
        if (key === "s") await client.skip(question.id, options);
        else await client.flag(question.id, await typed("Why can it not be answered? "), options);
      }
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      console.log(describeFailure(error));
    }
    toCorrect = null;
  }
  terminal.close();
  console.log(`\n${answered.size} answered. Next: npx upriver retrain ${model}`);
}

/** Gives a question back that was leased only to be shown. One that was exported for Label Studio stays with its export. */
async function release(client: UpriverClient, { id, leaseUntil }: ReviewQuestion, options: Options): Promise<void> {
  if (leaseUntil - Date.now() <= reviewLeaseMs) await client.skip(id, options).catch(() => {});
}

async function answerOldest(client: UpriverClient, model: string, options: Options): Promise<void> {
  const { questions, waiting } = await client.review(model, options);
  const [question = null] = questions;
  if (options.label === undefined || !question) {
    return printResult(options.json, { question, waiting }, () => "No question is waiting for a person.");
  }
  const answer = await client.answer(question.id, options.label, options);
  printResult(options.json, { question, answer, waiting: waiting - 1 }, () => `${question.id}: ${answer.label}`);
}

function describe(question: ReviewQuestion, labels: readonly string[]): string {
  const { id, region, instance, provisional, opinions } = question;
  const shown = opinions.length > 0 || !provisional ? opinions : [provisional];
  const columns = Object.entries(instance).map(([name, value]) => [`  ${name}`, JSON.stringify(value)]);
  const said = shown.map(({ rung, version, label, confidence }) => [
    `  ${rung} ${version}`,
    label,
    percent(confidence),
  ]);
  if (labels.length === 0) return `${id} (${region})\n${formatTable(columns)}\n${formatTable(said)}`;
  const header = ["", "", ...shown.map(({ rung, version }) => `${rung} ${version}`)];
  const choices = choicesOf(question, labels).map(({ number, label }) => [
    `  ${number}`,
    label,
    ...shown.map(({ scores }) => percent(scores[label] ?? 0)),
  ]);
  return `${id} (${region})\n${formatTable(columns)}\n${formatTable([header, ...choices])}`;
}

/** The labels that a person may give, each with the same number in every question. */
function choicesOf({ candidates }: ReviewQuestion, labels: readonly string[]) {
  const all = labels.map((label, i) => ({ number: `${i + 1}`, label }));
  return all.filter(({ label }) => candidates?.includes(label) ?? true);
}
