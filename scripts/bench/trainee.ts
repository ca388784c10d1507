// A process of the training benchmark: trains the network for as many seconds as each line of stdin says.
// Run by scripts/bench/train.ts: node scripts/bench/trainee.ts wasm|webgpu '{"batch": 64, …}'
import { createInterface } from "node:readline";
import * as tf from "@tensorflow/tfjs-core";
import { type BackendChoice, startTraining } from "#origin/backend/index.ts";
import { seededRandom } from "#origin/random.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { ResumableAdam } from "#origin/train/adam.ts";
import { batchOf, tensorsOf } from "#origin/train/batches.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { objective } from "#origin/train/objective.ts";
import { RowStore } from "#origin/train/row-store.ts";
import type { TrainBench } from "./train.ts";

const [choice, json] = process.argv.slice(2) as [BackendChoice, string];
const { batch, shape, layers, classes, learningRate, rows } = JSON.parse(json) as TrainBench;
const say = (line: object) => console.log(JSON.stringify(line));
const backend = await startTraining(choice).catch((error: Error) => {
  say({ missing: error.message });
  process.exit(0);
});

const random = seededRandom(1);
const width = shape.reduce((product, dimension) => product * dimension, 1);
const values = new RowStore(rows, width);
for (let row = 0; row < rows; row++) values.write(row, Float32Array.from({ length: width }, random));
const labels = Int32Array.from({ length: rows }, () => Math.floor(random() * classes));
const none = { regions: new Int32Array(rows), regionCount: 1, regionColumns: null };
const data = { rows, shapes: [shape], values, labels, weights: new Float32Array(rows).fill(1), ...none };
const network = buildNetwork({ shapes: [shape], layers, classes, seed: 1 });
const plan = { ...exampleRecipe("fashion").training, l2: 0, regionalHeads: null };
const adam = new ResumableAdam(learningRate);
const variables = [...network.variables];

// Waits for the GPU every few steps, as in training, so that queued work is not counted as done.
const stepsBetween = 8;
let at = 0;
async function trainFor(seconds: number): Promise<{ examplesPerSecond: number; loss: number }> {
  const startedAt = performance.now();
  let steps = 0;
  let last: tf.Scalar | null = null;
  while (performance.now() - startedAt < seconds * 1_000) {
    for (let i = 0; i < stepsBetween; i++, steps++) {
      const chosen = Int32Array.from({ length: batch }, () => at++ % rows);
      const set = batchOf({ data, classes, teacher: null, classWeights: null }, chosen);
      last?.dispose();
      last = adam.step(() => objective({ network, plan, regional: null }, set, null), variables, network.kernels, 0);
      tf.dispose(tensorsOf(set));
    }
    await last?.data();
  }
  const loss = (await last?.data())?.[0] as number;
  return { examplesPerSecond: (steps * batch) / ((performance.now() - startedAt) / 1_000), loss };
}

say({ ready: backend.adapter ?? "CPU", isSoftware: backend.isSoftware });
for await (const line of createInterface({ input: process.stdin })) say(await trainFor(Number(line)));
process.exit(0);
