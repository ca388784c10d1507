import type { Command } from "commander";
import type { AskOptions, UpriverClient } from "#client/index.ts";
import type { Answer, TensorAnswer } from "#core/contract/index.ts";
import { answerText, percent } from "#core/format.ts";
import { isWithin } from "#core/regress/read.ts";
import type { Row } from "#origin/recipes/index.ts";
import { rememberAsked } from "../local/asked.ts";
import { clientFor } from "../local/context.ts";
import { instanceFrom, isPictureInput } from "../local/instances.ts";
import { formatTable, printResult } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { numberParser, UsageError } from "../local/usage.ts";

interface Options {
  row?: number;
  candidates?: string[];
  top?: number;
  wait: number;
  json?: boolean;
}

/** `upriver ask`: asks one question. */
export function askVerb(program: Command): void {
  program
    .command("ask")
    .description("ask a model one question")
    .argument("<model>", "the name of a served model")
    .argument(
      "[instance]",
      "JSON, a JSON file or a picture (scaled down if it is too large); default: the model's example",
    )
    .option(
      "--row <n>",
      "ask about a row of the recipe's data, the first one is 1",
      numberParser("--row", { atLeast: 1, isWhole: true }),
    )
    .option("--candidates <labels>", "the only labels that may be answered, with commas between them", (text) =>
      text.split(",").map((label) => label.trim()),
    )
    .option("--top <n>", "list the n best labels in order", numberParser("--top", { atLeast: 1, isWhole: true }))
    .option(
      "--wait <seconds>",
      "how long to wait for the final answer of an open question",
      numberParser("--wait", { atLeast: 0 }),
      0,
    )
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      `\nExamples:\n  npx upriver ask heart --row 5\n  npx upriver ask storefront '{"region":"lagoon","temperature":31,"rainMm":0,` +
        `"minutesOnPage":2,"hour":9,"lookedAt":"feet"}' --wait 60\n  npx upriver ask storefront --candidates sneakers,sun-hat,umbrella --top 3`,
    )
    .action(run);
}

async function run(model: string, given: string | undefined, options: Options, command: Command): Promise<void> {
  const row = options.row === undefined ? null : await rowOf(model, options.row);
  const own = row ? row.instance : given === undefined ? null : await instanceFrom(given);
  // The same token teaches its answers later.
  const client = await clientFor(command, "teach");
  const state = await client.model(model);
  const instance = own ?? state.examples[0];
  if (instance === undefined) throw new UsageError(`Model '${model}' has no example. Give an instance or a picture.`);
  if (state.task === "tensor") {
    if (isPictureInput(instance)) throw new UsageError(`Model '${model}' takes tensors. Give its inputs as JSON.`);
    const [answer] = await client.infer(model, [instance]);
    return printResult(options.json, answer as TensorAnswer, () => JSON.stringify(answer?.outputs, null, 2));
  }
  const { candidates, top } = options;
  const chosen = { ...(candidates ? { candidates } : {}), ...(top ? { top } : {}) };
  let answer = row ? await askRow(client, model, row, chosen) : await client.ask(model, instance, chosen);
  if (!isPictureInput(instance)) await rememberAsked(answer, instance);
  const { wait: waitSeconds } = options;
  if (answer.status === "open" && waitSeconds > 0) answer = await client.question(answer.id, { waitSeconds });
  const result = row ? { ...answer, truth: row.label } : answer;
  printResult(options.json, result, () => [describe(answer), ...(row ? [describeTruth(answer, row)] : [])].join("\n"));
}

// A row's region may be no field of its instance.
async function askRow(
  client: UpriverClient,
  model: string,
  { instance, region }: Row,
  chosen: Pick<AskOptions, "candidates" | "top">,
): Promise<Answer> {
  return (await client.askQuestions(model, [{ instance, region }], chosen))[0] as Answer;
}

/** Finds a row of the recipe's data. */
async function rowOf(model: string, number: number): Promise<Row> {
  const rows = await (await recipeFor(model)).load({});
  const row = rows.find((one, i) => (one.number ?? i + 1) === number);
  if (row) return row;
  throw new UsageError(`--row must be the number of a row with a label, such as 1; there are ${rows.length} rows.`);
}

function describeTruth({ id, label, tolerance }: Answer, row: Row): string {
  const isRight = tolerance === undefined ? label === row.label : isWithin(Number(label), Number(row.label), tolerance);
  const verdict = isRight ? "right" : "wrong";
  return `The data says ${row.label}: ${verdict}. Next: npx upriver teach '${id}' '${row.label}'`;
}

function describe(answer: Answer): string {
  const listed = formatTable((answer.top ?? []).map(({ label, score }) => [`  ${label}`, percent(score)]));
  return [
    describeAnswer(answer),
    ...(listed ? [listed] : []),
    ...(answer.warnings ?? []).map((text) => `Warning: ${text}`),
  ].join("\n");
}

function describeAnswer(answer: Answer): string {
  const { id, status, rung, version, certificate } = answer;
  if (status === "open") {
    return `Open: waiting for a person. Provisional answer: ${answerText(answer)} by ${rung}, version ${version}\n${id}`;
  }
  const bound = certificate && `, certified: at most ${percent(certificate.bound)} wrong`;
  return `${answerText(answer)} by ${rung}, version ${version}${bound ?? ""}\n${id}`;
}
