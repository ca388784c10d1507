import type { UpriverClient } from "#client/index.ts";
import type { Training } from "#core/contract/index.ts";
import { patiently } from "../local/patience.ts";
import { isoDay } from "./days.ts";

/** A training at the origin during a replay, on data before `before`. */
export interface OriginTraining extends Pick<Training, "state" | "version" | "verdict" | "samples" | "reason"> {
  before: string;
  seconds: number;
}

const pollSeconds = 2;

/** Trains at the origin on what is known at a data time and waits for the end; a better version serves all callers. */
export async function learnAbove(
  client: UpriverClient,
  model: string,
  at: number,
  onProgress: (note: string) => void,
): Promise<OriginTraining> {
  const startedAt = Date.now();
  const before = isoDay(at);
  const { id } = await client.startTraining(model, { before, canary: null });
  let training = await client.training(model, id);
  while (training.endedAt === null) {
    onProgress(
      `${before}: ${training.step}${training.progress ? `, ${training.progress.network} ${training.progress.epoch}` : ""}`,
    );
    training = await patiently(() => client.training(model, id, { waitSeconds: pollSeconds }));
  }
  if (training.state === "failed") throw new Error(`The training at the origin failed: ${training.reason}`);
  const { state, version, verdict, samples, reason } = training;
  return { before, state, version, verdict, samples, reason, seconds: (Date.now() - startedAt) / 1_000 };
}
