import { fork } from "node:child_process";
import { extname, join } from "node:path";
import type { TrainingProgress } from "#core/contract/index.ts";
import { cancelLaunched } from "../torch/cancel.ts";
import { stopping } from "../trainings/stopping.ts";
import { type LearnRequest, stopMessage, type TrainingMessage } from "./apart-messages.ts";
import type { LearnResult } from "./index.ts";

/** How long a training may take to save a checkpoint when the origin stops; without one, the one before counts. */
const stopMaxMs = 10_000;

/**
 * Trains in a separate process, so that the origin keeps answering; aborting the signal kills it at once. A thread would
 * not do: ending a thread that trains on WebGPU makes Dawn abort the whole process. When the origin stops, it saves a checkpoint
 * first.
 */
export function learnApart(
  request: LearnRequest,
  { onProgress, signal }: { onProgress: (progress: TrainingProgress) => void; signal: AbortSignal },
): Promise<LearnResult> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // Advanced serialization passes typed arrays and maps.
    const child = fork(join(import.meta.dirname, `apart.process${extname(import.meta.filename)}`), {
      serialization: "advanced",
    });
    const kill = () => void child.kill("SIGKILL");
    const end = () => {
      if (signal.reason !== stopping) return kill();
      if (child.connected) child.send(stopMessage);
      setTimeout(kill, stopMaxMs).unref();
    };
    signal.addEventListener("abort", end, { once: true });
    process.once("exit", kill);
    let failure: { reason: string; code: string | null } | null = null;
    child.on("message", (message: TrainingMessage) => {
      if (message.kind === "progress") onProgress(message.progress);
      else if (message.kind === "failed") failure = message;
      else resolve(message.result);
    });
    child.on("error", reject);
    // Settles after the exit, so that no other process writes the checkpoints any more.
    child.on("exit", (code, by) => {
      signal.removeEventListener("abort", end);
      process.removeListener("exit", kill);
      const ended = `The training process ended with ${by ?? `code ${code}`}; the origin's log shows its output.`;
      const error = Object.assign(new Error(failure?.reason ?? ended), failure?.code ? { code: failure.code } : {});
      if (!signal.aborted) return reject(error);
      // What trains elsewhere goes on while the origin is away, and ends when the training is cancelled.
      const isCancelled = signal.reason !== stopping;
      const cancelled = isCancelled ? cancelLaunched(request.torchFolder) : Promise.resolve();
      void cancelled
        .catch((cause) =>
          console.error(`Cancelling in ${request.torchFolder} failed: ${cause}. Cancel its job by hand.`),
        )
        .finally(() => reject(signal.reason));
    });
    child.send(request, (error) => error && reject(error));
  });
}
