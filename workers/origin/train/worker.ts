import { parentPort, workerData } from "node:worker_threads";
import { recipeOf } from "../recipes/index.ts";
import { type Artefact, type Progress, train } from "./index.ts";

/** What the training thread says. */
export type Message = { kind: "progress"; progress: Progress } | { kind: "done"; artefact: Artefact };

const say = (message: Message) => parentPort?.postMessage(message);
const artefact = await train(recipeOf(workerData.recipe), {
  onProgress: (progress) => say({ kind: "progress", progress }),
});
say({ kind: "done", artefact });
