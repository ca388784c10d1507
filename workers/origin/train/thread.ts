import { Worker } from "node:worker_threads";
import type { Artefact, Progress } from "./index.ts";
import type { Message } from "./worker.ts";

/** Trains a recipe in a thread of its own, so that questions are answered meanwhile. */
export function trainInThread(recipe: string, onProgress: (progress: Progress) => void): Promise<Artefact> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: { recipe } });
    worker.on("message", (message: Message) => {
      if (message.kind === "progress") onProgress(message.progress);
      else resolve(message.artefact);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`Error in trainInThread: the thread ended with code ${code}`)));
  });
}
