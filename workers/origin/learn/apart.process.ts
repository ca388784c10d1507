import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { recipeOf } from "../recipes/index.ts";
import { Checkpoints } from "../train/checkpoint.ts";
import type { LearnRequest, TrainingMessage } from "./apart-messages.ts";
import { type LearnResult, learn } from "./index.ts";
import { SampleStore } from "./sample-store.ts";

const origin = process.ppid;
// Answering goes first.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
process.once("disconnect", () => process.exit());
// A fault of the GPU is caught by nobody else.
process.once("uncaughtException", fail);
const [order] = (await once(process, "message")) as [LearnRequest];
await carryOut(order).then((learned) => say({ kind: "done", learned }), fail);
process.disconnect();

async function fail(error: unknown): Promise<void> {
  await say({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

async function carryOut({ recipe, before, backend, current, ...order }: LearnRequest): Promise<LearnResult> {
  return learn(recipeOf(recipe), {
    ...{ before, backend, current, checkpoints: new Checkpoints(order.checkpointsFolder) },
    samples: await new SampleStore(order.samplesFolder).read(),
    onProgress: (progress) => {
      // An origin that was killed can't end this, and its next life trains on from the same checkpoints.
      if (process.ppid !== origin) process.exit();
      void say({ kind: "progress", progress });
    },
  });
}

function say(message: TrainingMessage): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}
