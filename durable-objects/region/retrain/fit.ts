import { continueFit, isFitted, packFit, startFit, unpackFit } from "../../../workers/core/head/softmax-fit.ts";
import { limits } from "../../../workers/core/limits.ts";
import { startBackend } from "../../../workers/core/model/tfjs/backend.ts";
import type { RegionContext } from "../context.ts";
import type { RunData } from "./data.ts";
import type { RunningRun, Runs } from "./runs.ts";

/** Fits a bounded part of the candidate head, and keeps the place. */
export async function fitSlice({ storage }: RegionContext, runs: Runs, run: RunningRun, data: RunData): Promise<void> {
  const { train, tune } = data;
  if (train.rows < limits.retrainMinSamples || tune.rows === 0) {
    const needed = `${limits.retrainMinSamples} and 1 are needed`;
    const reason = `${train.rows} labels to train on and ${tune.rows} to judge by; ${needed}`;
    return runs.finish(run.id, "skipped", reason, { train: train.rows, tune: tune.rows });
  }
  await startBackend();
  const saved = runs.state<string>(run.id, "fit");
  const state = continueFit(data, saved === null ? startFit(data) : unpackFit(saved), limits.sliceMultiplyAdds);
  storage.transactionSync(() => {
    runs.saveState(run.id, "fit", packFit(state));
    if (isFitted(state)) runs.move(run.id, "judge", {});
  });
}
