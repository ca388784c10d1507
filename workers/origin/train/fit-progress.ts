import type { TrainingProgress } from "#core/contract/index.ts";
import type { TrainingPlan } from "../recipes/index.ts";
import type { TrainingState } from "./checkpoint.ts";

/** How far the training of one network has come. */
export type FitProgress = Omit<TrainingProgress, "network">;

/**
 * Describes how far a training has come, with an estimate of the remaining time.
 * @param size batches of an epoch, and rows of the training set
 * @param elapsedMs training time so far, interruptions excluded
 */
export function progressOf(
  { epoch, step, lossSum, history }: TrainingState,
  plan: TrainingPlan,
  { batches, rows }: { batches: number; rows: number },
  elapsedMs: number,
): FitProgress {
  const msPerBatch = elapsedMs / Math.max(1, epoch * batches + step);
  return {
    epoch: epoch + 1,
    epochs: plan.epochs,
    share: step / batches,
    loss: lossSum / Math.max(1, Math.min(step * plan.batchSize, rows)),
    validationLoss: history.at(-1)?.validationLoss ?? null,
    secondsLeft: ((plan.epochs - epoch) * batches - step) * (msPerBatch / 1_000),
  };
}
