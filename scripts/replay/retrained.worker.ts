import { parentPort, workerData } from "node:worker_threads";
import { recipeOf } from "#origin/recipes/index.ts";
import { daysOf } from "./days.ts";
import { scoreRetrained } from "./retrained.ts";

/** What the thread is given. */
export interface ControlOrder {
  recipe: string;
  file: string | undefined;
  from: number;
  to: number;
}

/** What the thread says. */
export type ControlMessage =
  | { kind: "progress"; note: string; done: number; total: number }
  | { kind: "done"; scores: Float64Array<ArrayBuffer> };

const say = (message: ControlMessage) => parentPort?.postMessage(message);
const order = workerData as ControlOrder;
const recipe = recipeOf(order.recipe);
const rows = await recipe.load({ file: order.file });
const asked = daysOf(rows, order).flatMap((day) => day.rows);
const scores = await scoreRetrained(recipe, rows, asked, {
  from: order.from,
  onProgress: (note, done, total) => say({ kind: "progress", note, done, total }),
});
say({ kind: "done", scores: scores as Float64Array<ArrayBuffer> });
