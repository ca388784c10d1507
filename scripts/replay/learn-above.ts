import type { UpriverClient } from "#client/index.ts";
import type { Training } from "#core/contract/index.ts";
import { isoDay } from "./days.ts";

/** A training of the origin's in a replay, by the data time that it knew. */
export interface OriginTraining extends Pick<Training, "state" | "version" | "verdict" | "samples" | "reason"> {
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
  const { id } = await client.startTraining(model, { before, canary: null });
  let training = await client.training(model, id);
  while (training.endedAt === null) {
    onProgress(
      `${before}: ${training.step}${training.progress ? `, ${training.progress.network} ${training.progress.epoch}` : ""}`,
    );
    training = await client.training(model, id, { waitSeconds: lookEverySeconds });
  }
  if (training.state === "failed") throw new Error(`Error in replay: the origin's training failed: ${training.reason}`);
  const { state, version, verdict, samples, reason } = training;
  return { before, state, version, verdict, samples, reason, seconds: (Date.now() - startedAt) / 1_000 };
}
