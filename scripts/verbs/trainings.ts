import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import type { Training } from "#core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { describeTraining, followTraining } from "../local/follow.ts";
import { formatTable, printResult } from "../local/output.ts";

interface Options {
  watch?: boolean;
  cancel?: string;
  restart?: string;
  json?: boolean;
}

/** `upriver trainings`: lists and controls the origin's trainings. */
export function trainingsVerb(program: Command): void {
  program
    .command("trainings")
    .description("list, watch, cancel or restart the origin's trainings of a model")
    .argument("<model>", "the name of a model")
    .option("--watch", "follow the running training to its end")
    .option("--cancel <id>", "stop a training; its checkpoint is kept")
    .option("--restart <id>", "continue a failed or cancelled training from its checkpoint")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver trainings weather --watch")
    .action(run);
}

async function run(model: string, options: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "publish");
  const one = await act(client, model, options);
  if (one) return printResult(options.json, { training: one }, () => describeTraining(one));
  const trainings = await client.trainings(model);
  printResult(options.json, { trainings }, () =>
    trainings.length === 0 ? `No training of ${model} yet. Next: npx upriver train ${model} --learn` : list(trainings),
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
  return formatTable([["training", "started", "trigger", "state", "version", "reason"], ...rows]);
}
