// Thread that computes the controls of a replay; started by retrained-thread.ts.
import { parentPort, workerData } from "node:worker_threads";
import { openRecipe } from "#origin/recipes/index.ts";
import { type KnownBins, withBins } from "#origin/train/numbers.ts";
import { daysOf } from "./days.ts";
import { scoreRetrained } from "./retrained.ts";

/** The thread's task. */
export interface ControlOrder {
  /** The recipe, as the command line gives it, and the folder that it is looked for in. */
  recipe: string;
  folder: string;
  file: string | undefined;
  /** The bins of the version that serves, where it predicts numbers. */
  bins: KnownBins;
  from: number;
  to: number;
}

/** A message from the thread. */
export type ControlMessage =
  | { kind: "progress"; note: string; done: number; total: number }
  | { kind: "done"; scores: Float64Array<ArrayBuffer> };

const send = (message: ControlMessage) => parentPort?.postMessage(message);
const order = workerData as ControlOrder;
const recipe = withBins(await openRecipe(order.recipe, order.folder, { file: order.file }), [], order.bins);
const rows = await recipe.load({ file: order.file });
const asked = daysOf(rows, order).flatMap((day) => day.rows);
const scores = await scoreRetrained(recipe, rows, asked, {
  from: order.from,
  onProgress: (note, done, total) => send({ kind: "progress", note, done, total }),
});
send({ kind: "done", scores: scores as Float64Array<ArrayBuffer> });
