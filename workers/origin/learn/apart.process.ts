import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { orderedRecipe } from "../recipes/registry.ts";
import { trainerOf } from "../torch/choose.ts";
import { Checkpoints } from "../train/checkpoint.ts";
import { type LearnRequest, stopMessage, type TrainingMessage } from "./apart-messages.ts";
import { type LearnResult, learn } from "./index.ts";
import { SampleStore } from "./sample-store.ts";

const originPid = process.ppid;
// Answering has priority over training.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
process.once("disconnect", () => process.exit());
// A signal to the whole group reaches this process too: the origin tells it to save and end.
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => {});
// Nothing else catches a fault of the GPU.
process.once("uncaughtException", fail);
const [request] = (await once(process, "message")) as [LearnRequest];
await run(request).then((result) => send({ kind: "done", result }), fail);
process.disconnect();

/** Ends once a checkpoint is saved. */
function endWhenSaved(checkpoints: Checkpoints): void {
  process.on("message", (message) => {
    if (message === stopMessage) void checkpoints.saveSoon().then(() => process.exit());
  });
}

async function run({
  recipe: ordered,
  before,
  backend,
  trainer,
  current,
  ...folders
}: LearnRequest): Promise<LearnResult> {
  const checkpoints = new Checkpoints(folders.checkpointsFolder);
  endWhenSaved(checkpoints);
  const recipe = await orderedRecipe(ordered);
  return learn(recipe, {
    stored: ordered.stored?.recipe ?? null,
    ...{ before, backend, current, checkpoints },
    trainer: trainerOf(recipe, trainer, folders.torchFolder) ?? undefined,
    samples: await new SampleStore(folders.samplesFolder).read(),
    onProgress: (progress) => {
      // An origin that was killed cannot end this process, and the next one trains from the same checkpoints.
      if (process.ppid !== originPid) process.exit();
      void send({ kind: "progress", progress });
    },
  });
}

async function fail(error: unknown): Promise<void> {
  await send({ kind: "failed", reason: error instanceof Error ? error.message : String(error), code: codeOf(error) });
  process.exit(1);
}

function codeOf(error: unknown): string | null {
  return (error as NodeJS.ErrnoException | null)?.code ?? null;
}

function send(message: TrainingMessage): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}
