import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { Answer, Instance } from "../../workers/core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { percent, print } from "../local/output.ts";

interface Options {
  file?: string;
  wait?: string;
  json?: boolean;
}

/** `upriver ask`: one question. */
export function askVerb(program: Command): void {
  program
    .command("ask")
    .description("ask a model one question")
    .argument("<model>")
    .argument("[instance]", "the instance as JSON; the model's own example by default")
    .option("--file <file>", "read the instance from a JSON file")
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
  const text = options.file ? await readFile(options.file, "utf8") : given;
  const instance = text === undefined ? (await client.model(model)).examples[0] : parseInstance(text);
  if (instance === undefined) throw new Error(`Model '${model}' has no example: give an instance as JSON.`);
  let answer = await client.ask(model, instance);
  const waitSeconds = Number(options.wait ?? 0);
  if (answer.status === "open" && waitSeconds > 0) answer = await client.question(answer.id, { waitSeconds });
  print(options.json, answer, () => describe(answer));
}

function describe({ id, status, label, confidence, rung, version, certificate }: Answer): string {
  if (status === "open") {
    return `Open: a person will answer ${id}. Provisionally '${label}' (${percent(confidence)}, ${rung} ${version}).`;
  }
  const bound = certificate && `, certified: at most ${percent(certificate.bound)} wrong`;
  return `${label} (${percent(confidence)}) by ${rung}, version ${version}${bound ?? ""}\n${id}`;
}

function parseInstance(text: string): Instance {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`Error in ask: the instance must be JSON, but ${(cause as Error).message}. Quote it in the shell.`);
  }
}
