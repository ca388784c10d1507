import { parentPort, workerData } from "node:worker_threads";
import { recipeOf } from "../recipes/index.ts";
import { Checkpoints } from "../train/checkpoint.ts";
import type { Progress } from "../train/index.ts";
import { type Learned, learn } from "./index.ts";
import { SampleStore } from "./pull.ts";
import type { LearnOrder } from "./thread.ts";

/** What the training thread says. */
export type Message = { kind: "progress"; progress: Progress } | { kind: "done"; learned: Learned };

const say = (message: Message) => parentPort?.postMessage(message);
const { recipe, before, samplesFolder, checkpointsFolder, backend, current } = workerData as LearnOrder;
const learned = await learn(recipeOf(recipe), {
  ...{ before, backend, current, checkpoints: new Checkpoints(checkpointsFolder) },
  samples: await new SampleStore(samplesFolder).read(),
  onProgress: (progress) => say({ kind: "progress", progress }),
});
say({ kind: "done", learned });
