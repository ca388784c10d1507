import { fork } from "node:child_process";
import { join } from "node:path";
import type { TrainingProgress } from "#core/contract/index.ts";
import type { LearnRequest, TrainingMessage } from "./apart-messages.ts";
import type { LearnResult } from "./index.ts";

/**
 * Learns in a process of its own, so that questions are answered meanwhile; an aborted signal ends it at once. A thread
 * would not do: when one that trains on WebGPU is ended, Dawn aborts the process that it is in.
 */
export function learnApart(
  order: LearnRequest,
  { onProgress, signal }: { onProgress: (progress: TrainingProgress) => void; signal: AbortSignal },
): Promise<LearnResult> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // Typed arrays and maps pass as they are.
    const child = fork(join(import.meta.dirname, "apart.process.ts"), { serialization: "advanced" });
    const kill = () => void child.kill("SIGKILL");
    signal.addEventListener("abort", kill, { once: true });
    process.once("exit", kill);
    let failure: string | null = null;
    child.on("message", (message: TrainingMessage) => {
      if (message.kind === "progress") onProgress(message.progress);
      else if (message.kind === "failed") failure = message.reason;
      else resolve(message.learned);
    });
    child.on("error", reject);
    // Only then is nobody else at the checkpoints.
    child.on("exit", (code, by) => {
      signal.removeEventListener("abort", kill);
      process.removeListener("exit", kill);
      const reason = failure ?? `Error in learnApart: the training process ended with ${by ?? `code ${code}`}`;
      reject(signal.aborted ? signal.reason : new Error(reason));
    });
    child.send(order, (error) => error && reject(error));
  });
}
