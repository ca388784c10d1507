import type { Command } from "commander";
import type { Answer, TensorAnswer } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { clientFor } from "../local/context.ts";
import { instanceFrom, isPictureInput } from "../local/instances.ts";
import { printResult } from "../local/output.ts";
import { numberParser, UsageError } from "../local/usage.ts";

interface Options {
  wait: number;
  json?: boolean;
}

/** `upriver ask`: asks one question. */
export function askVerb(program: Command): void {
  program
    .command("ask")
    .description("ask a model one question")
    .argument("<model>", "the name of a served model")
    .argument("[instance]", "JSON, a JSON file or a picture (.jpg, .png, .webp); default: the model's example")
    .option(
      "--wait <seconds>",
      "how long to wait for the final answer of an open question",
      numberParser("--wait", { atLeast: 0 }),
      0,
    )
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      `\nExample:\n  npx upriver ask storefront '{"region":"lagoon","temperature":31,"lookedAt":"feet"}' --wait 60`,
    )
    .action(run);
}

async function run(model: string, given: string | undefined, options: Options, command: Command): Promise<void> {
  const own = given === undefined ? null : await instanceFrom(given);
  const client = await clientFor(command, "ask");
  const state = await client.model(model);
  const instance = own ?? state.examples[0];
  if (instance === undefined) throw new UsageError(`Model '${model}' has no example. Give an instance or a picture.`);
  if (state.task === "tensor") {
    if (isPictureInput(instance)) throw new UsageError(`Model '${model}' takes tensors. Give its inputs as JSON.`);
    const [answer] = await client.infer(model, [instance]);
    return printResult(options.json, answer as TensorAnswer, () => JSON.stringify(answer?.outputs, null, 2));
  }
  let answer = await client.ask(model, instance);
  const { wait: waitSeconds } = options;
  if (answer.status === "open" && waitSeconds > 0) answer = await client.question(answer.id, { waitSeconds });
  printResult(options.json, answer, () => describe(answer));
}

function describe({ id, status, label, confidence, rung, version, certificate }: Answer): string {
  if (status === "open") {
    return `Open: waiting for a person. Provisional answer: ${label} (${percent(confidence)}) by ${rung}, version ${version}\n${id}`;
  }
  const bound = certificate && `, certified: at most ${percent(certificate.bound)} wrong`;
  return `${label} (${percent(confidence)}) by ${rung}, version ${version}${bound ?? ""}\n${id}`;
}
