import type { UpriverClient } from "../../workers/client/index.ts";
import type { Job } from "../../workers/core/contract/index.ts";
import { jobSteps } from "../../workers/core/contract/index.ts";
import { progressOf } from "./output.ts";

const lookEveryMs = 1_000;

/** Follows a training at the origin to its end, with a bar that goes through its steps and, in them, its networks. */
export async function followJob(client: UpriverClient, { model, id }: Pick<Job, "model" | "id">): Promise<Job> {
  const bar = progressOf(`training ${model} at the origin`, jobSteps.length);
  try {
    for (;;) {
      const job = await client.job(model, id);
      if (job.endedAt !== null) return job;
      const { step, progress } = job;
      bar.update(jobSteps.indexOf(step) + (progress ? shareOf(progress) : 0), noteOf(job));
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  } finally {
    bar.end();
  }
}

// Full and thin, half each, as far as their epochs are.
function shareOf({ network, epoch, epochs, share }: NonNullable<Job["progress"]>): number {
  return ((network === "full" ? 0 : 1) + (epoch - 1 + share) / epochs) / 2;
}

function noteOf({ state, step, progress }: Job): string {
  if (state === "queued") return "waits for another training";
  if (!progress) return step;
  const { network, epoch, validationLoss, loss, secondsLeft } = progress;
  return `${step}: ${network} ${epoch}, loss ${(validationLoss ?? loss).toFixed(4)}, ${Math.ceil(secondsLeft / 60)} min left`;
}

/** A training in a line. */
export function describeJob({ id, model, state, step, version, verdict, samples, reason }: Job): string {
  const facts = [
    ...[`${model} ${id}: ${state}${state === "running" ? ` (${step})` : ""}`],
    ...(samples ? [`${samples.added} new samples of ${samples.known}`] : []),
    ...(verdict ? [verdict.reason] : []),
    ...(version === null ? [] : [`version ${version}`]),
    ...(reason && reason !== verdict?.reason ? [reason] : []),
  ];
  return facts.join("; ");
}
