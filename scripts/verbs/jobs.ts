import type { Command } from "commander";
import type { UpriverClient } from "../../workers/client/index.ts";
import type { Job } from "../../workers/core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { describeJob, followJob } from "../local/follow.ts";
import { print, table } from "../local/output.ts";

interface Options {
  watch?: boolean;
  cancel?: string;
  restart?: string;
  json?: boolean;
}

/** `upriver jobs`: the origin's trainings. */
export function jobsVerb(program: Command): void {
  program
    .command("jobs")
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
  if (one) return print(options.json, { job: one }, () => describeJob(one));
  const jobs = await client.jobs(model);
  print(options.json, { jobs }, () => (jobs.length === 0 ? `No training of ${model} yet.` : list(jobs)));
}

async function act(client: UpriverClient, model: string, options: Options): Promise<Job | null> {
  if (options.cancel) return client.cancelJob(model, options.cancel);
  const restarted = options.restart ? await client.restartJob(model, options.restart) : null;
  if (!options.watch) return restarted;
  const job = restarted ?? (await client.jobs(model)).find(({ endedAt }) => endedAt === null);
  return job ? followJob(client, job) : null;
}

function list(jobs: readonly Job[]): string {
  const rows = jobs.map(({ id, state, step, createdAt, version, reason, order }) => [
    ...[id, createdAt.slice(0, 19), order.reason, state === "running" ? `${state}: ${step}` : state, version, reason],
  ]);
  return table([["job", "ordered", "why", "state", "version", "reason"], ...rows]);
}
