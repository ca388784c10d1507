import { Worker } from "node:worker_threads";
import { program } from "../local/process.ts";
import type { ControlMessage, ControlOrder } from "./retrained.worker.ts";

/** A control that is computed in parallel to the replay. */
export interface Retrained {
  /** Scores [rows, classes] of the asked rows, in the order of asking. */
  scores: Promise<Float64Array>;
  stop(): Promise<unknown>;
}

/** Computes the scores of the large model retrained every year in a separate thread. */
export function startRetrained(
  order: ControlOrder,
  onProgress: (note: string, done: number, total: number) => void,
): Retrained {
  const worker = new Worker(program("scripts/replay/retrained.worker"), { workerData: order });
  const scores = new Promise<Float64Array>((resolve, reject) => {
    worker.on("message", (message: ControlMessage) => {
      if (message.kind === "progress") onProgress(message.note, message.done, message.total);
      else resolve(message.scores);
    });
    worker.on("error", reject);
    worker.on("exit", (code) =>
      reject(new Error(`The thread of the controls ended with code ${code}. Use --no-controls to leave them out.`)),
    );
  });
  // The caller awaits the scores later; a failure before that must not count as unhandled.
  scores.catch(() => {});
  return { scores, stop: () => worker.terminate() };
}
