import { Worker } from "node:worker_threads";
import type { BackendChoice } from "../backend/index.ts";
import type { Progress } from "../train/index.ts";
import type { Learned, Published } from "./index.ts";
import type { Message } from "./worker.ts";

/** What a training thread is told. */
export interface LearnOrder {
  recipe: string;
  before: string | undefined;
  samplesFolder: string;
  checkpointsFolder: string;
  backend: BackendChoice;
  current: Published | null;
}

/** Learns in a thread of its own, so that questions are answered meanwhile; an aborted signal ends it at once. */
export function learnInThread(
  order: LearnOrder,
  { onProgress, signal }: { onProgress: (progress: Progress) => void; signal: AbortSignal },
): Promise<Learned> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: order });
    const abort = () => {
      reject(signal.reason);
      void worker.terminate();
    };
    signal.addEventListener("abort", abort, { once: true });
    worker.on("message", (message: Message) => {
      if (message.kind === "progress") onProgress(message.progress);
      else resolve(message.learned);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      signal.removeEventListener("abort", abort);
      reject(new Error(`Error in learnInThread: the thread ended with code ${code}`));
    });
  });
}
