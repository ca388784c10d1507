// Writes the set of `fashion` that check.py reads, and what WASM reaches on it: node scripts/gpu-check/prepare.ts
// [--rows 40000] [--wasm-rows 4000] [--wasm-epochs 2]. The set takes 27 MB, in scripts/gpu-check/set.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import { startTraining } from "#origin/backend/index.ts";
import { writeNpy } from "#origin/torch/npy.ts";
import { planInput } from "#origin/train/columns.ts";
import { type Dataset, encodeRows } from "#origin/train/dataset.ts";
import { fitNetwork } from "#origin/train/fit.ts";
import { baseRows, sampleRows } from "#origin/train/rows.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { inputTensors, servedLogits, type Trainable } from "#origin/train/trainable.ts";
import { recipeFor } from "../local/recipe.ts";

const testRows = 5_000;
const pixels = 28 * 28;
const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "40000" },
    "wasm-rows": { type: "string", default: "4000" },
    "wasm-epochs": { type: "string", default: "2" },
  },
});

const folder = join(import.meta.dirname, "set");
const recipe = await recipeFor("fashion");
const splits = assignSplits(recipe, await baseRows(recipe, {}));
const input = planInput(recipe.full.input, splits.train);
const encoded = (rows: Parameters<typeof encodeRows>[2], limit: number) =>
  encodeRows(recipe, input, sampleRows(rows, limit));
const train = encoded(splits.train, Number(values.rows));
// What is judged by nothing else.
const test = encoded([...splits.validation, ...splits.calibration], testRows);
const { full, training, labels } = recipe;
const { batchSize, learningRate, seed, augment } = { ...training, ...full.training };

await mkdir(folder, { recursive: true });
await writeSplit("train", train);
await writeSplit("test", test);
const wasm = await trainOnWasm(Number(values["wasm-rows"]), Number(values["wasm-epochs"]));
await writeFile(
  join(folder, "set.json"),
  JSON.stringify({
    ...{ classes: labels.length, layers: full.layers, wasm },
    training: { batchSize, learningRate, seed, augment },
  }),
);
console.log(`${folder}: ${train.rows} training rows, ${test.rows} test rows; WASM: ${JSON.stringify(wasm)}`);

async function writeSplit(name: string, { rows, values: store, labels: classes, regions }: Dataset): Promise<void> {
  const images = new Uint8Array(rows * pixels);
  for (let row = 0; row < rows; row++) {
    const own = store.read([row]);
    for (let i = 0; i < pixels; i++) images[row * pixels + i] = Math.round((own[i] as number) * 255);
  }
  await writeNpy(join(folder, `${name}-images.npy`), [rows, 28, 28], [images]);
  await writeNpy(join(folder, `${name}-labels.npy`), [rows], [classes]);
  await writeNpy(join(folder, `${name}-regions.npy`), [rows], [regions]);
}

async function trainOnWasm(rows: number, epochs: number) {
  await startTraining("wasm");
  const data = encoded(splits.train, rows);
  const set = { data, classes: labels.length, teacher: null, classWeights: null };
  const plan = { ...training, ...full.training, distil: 0, epochs };
  const { network, seconds, validationLoss } = await fitNetwork(set, test, { form: full, plan });
  const accuracy = accuracyOf(network);
  network.dispose();
  return {
    accuracy,
    validationLoss,
    examplesPerSecond: (data.rows * epochs) / seconds,
    ...{ epochs, rows: data.rows },
  };
}

function accuracyOf(network: Trainable): number {
  let right = 0;
  for (let start = 0; start < test.rows; start += 500) {
    const indexes = Array.from({ length: Math.min(500, test.rows - start) }, (_, i) => start + i);
    const best = tf.tidy(() => {
      const inputs = inputTensors(test.shapes, test.values.read(indexes), indexes.length);
      return tf.argMax(servedLogits(network, network.embed(inputs, null)), 1).dataSync();
    });
    right += indexes.filter((row, i) => test.labels[row] === best[i]).length;
  }
  return right / test.rows;
}
