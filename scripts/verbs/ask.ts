import type { Command } from "commander";
import type { Answer, TensorAnswer } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { clientFor } from "../local/context.ts";
import { instanceFrom, isPicture } from "../local/instances.ts";
import { printResult } from "../local/output.ts";

interface Options {
  wait?: string;
  json?: boolean;
}

/** `upriver ask`: one question. */
export function askVerb(program: Command): void {
  program
    .command("ask")
    .description("ask a model one question")
    .argument("<model>")
    .argument("[instance]", "JSON, a file of it, or a picture (.jpg, .png, .webp); the model's own example by default")
    .option("--wait <seconds>", "wait so long for an answer that a higher rung gives")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `\nExample:\n  npx upriver ask storefront '{"region":"lagoon","temperature":31,"lookedAt":"feet"}' --wait 60`,
    )
    .action(run);
}

async function run(model: string, given: string | undefined, options: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "ask");
  const state = await client.model(model);
  const instance = given === undefined ? state.examples[0] : await instanceFrom(given);
  if (instance === undefined) throw new Error(`Model '${model}' has no example: give an instance, or a picture.`);
  if (state.task === "tensor") {
    if (isPicture(instance)) throw new Error(`Model '${model}' takes tensors: give its inputs as JSON.`);
    const [answer] = await client.infer(model, [instance]);
    return printResult(options.json, answer as TensorAnswer, () => JSON.stringify(answer?.outputs, null, 2));
  }
  let answer = await client.ask(model, instance);
  const waitSeconds = Number(options.wait ?? 0);
  if (answer.status === "open" && waitSeconds > 0) answer = await client.question(answer.id, { waitSeconds });
  printResult(options.json, answer, () => describe(answer));
}

function describe({ id, status, label, confidence, rung, version, certificate }: Answer): string {
  if (status === "open") {
    return `Open: a person will answer ${id}. Provisionally '${label}' (${percent(confidence)}, ${rung} ${version}).`;
  }
  const bound = certificate && `, certified: at most ${percent(certificate.bound)} wrong`;
  return `${label} (${percent(confidence)}) by ${rung}, version ${version}${bound ?? ""}\n${id}`;
}
