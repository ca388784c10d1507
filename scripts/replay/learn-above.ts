import type { UpriverClient } from "../../workers/client/index.ts";
import type { Job } from "../../workers/core/contract/index.ts";
import { isoDay } from "./days.ts";

/** A training of the origin's in a replay, by the data time that it knew. */
export interface OriginTraining extends Pick<Job, "state" | "version" | "verdict" | "samples" | "reason"> {
  before: string;
  seconds: number;
}

const lookEverySeconds = 2;

/** Has the origin learn what is known at a data time, to the end: the version that comes of it serves all, if it is better. */
export async function learnAbove(
  client: UpriverClient,
  model: string,
  at: number,
  onProgress: (note: string) => void,
): Promise<OriginTraining> {
  const startedAt = Date.now();
  const before = isoDay(at);
  const { id } = await client.orderJob(model, { before, canary: null });
  let job = await client.job(model, id);
  while (job.endedAt === null) {
    onProgress(`${before}: ${job.step}${job.progress ? `, ${job.progress.network} ${job.progress.epoch}` : ""}`);
    job = await client.job(model, id, { waitSeconds: lookEverySeconds });
  }
  if (job.state === "failed") throw new Error(`Error in replay: the origin's training failed: ${job.reason}`);
  const { state, version, verdict, samples, reason } = job;
  return { before, state, version, verdict, samples, reason, seconds: (Date.now() - startedAt) / 1_000 };
}
