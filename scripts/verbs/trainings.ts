import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import type { Training } from "#core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { describeTraining, followTraining } from "../local/follow.ts";
import { printResult, table } from "../local/output.ts";

interface Options {
  watch?: boolean;
  cancel?: string;
  restart?: string;
  json?: boolean;
}

/** `upriver jobs`: the origin's trainings. */
export function trainingsVerb(program: Command): void {
  program
    .command("trainings")
    .description("the origin's trainings of a model: list, watch, cancel, restart")
    .argument("<model>")
    .option("--watch", "follow the one that is under way to its end")
    .option("--cancel <id>", "stop one; what it has learned so far stays")
    .option("--restart <id>", "take one that failed or was cancelled up where it was")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver jobs weather --watch")
    .action(run);
}

async function run(model: string, options: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "publish");
  const one = await act(client, model, options);
  if (one) return printResult(options.json, { training: one }, () => describeTraining(one));
  const trainings = await client.trainings(model);
  printResult(options.json, { trainings }, () =>
    trainings.length === 0 ? `No training of ${model} yet.` : list(trainings),
  );
}

async function act(client: UpriverClient, model: string, options: Options): Promise<Training | null> {
  if (options.cancel) return client.cancelTraining(model, options.cancel);
  const restarted = options.restart ? await client.restartTraining(model, options.restart) : null;
  if (!options.watch) return restarted;
  const training = restarted ?? (await client.trainings(model)).find(({ endedAt }) => endedAt === null);
  return training ? followTraining(client, training) : null;
}

function list(trainings: readonly Training[]): string {
  const rows = trainings.map(({ id, state, step, createdAt, version, reason, order }) => [
    ...[id, createdAt.slice(0, 19), order.reason, state === "running" ? `${state}: ${step}` : state, version, reason],
  ]);
  return table([["training", "ordered", "why", "state", "version", "reason"], ...rows]);
}
