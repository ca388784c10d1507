import * as tf from "@tensorflow/tfjs-core";
import type { Dataset } from "./dataset.ts";
import type { Batch } from "./objective.ts";

/** Rows of [classes] with a one at each label; a label of −1 has none. */
export function oneHot(labels: Int32Array, classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes);
  for (const [row, label] of labels.entries()) if (label >= 0) out[row * classes + label] = 1;
  return out;
}

/** The picked rows of a dataset as tensors; `targets` [rows, classes] are those of the whole dataset. */
export function batchOf(data: Dataset, targets: Float32Array, classes: number, picked: Int32Array): Batch {
  const rows = picked.length;
  const labels = picked.map((row) => data.labels[row] as number);
  const regions = picked.map((row) => data.regions[row] as number);
  return {
    inputs: tf.tensor2d(gather(data.inputs, picked, data.width), [rows, data.width]),
    targets: tf.tensor2d(gather(targets, picked, classes), [rows, classes]),
    labels: tf.tensor2d(oneHot(labels, classes), [rows, classes]),
    regions: tf.tensor2d(oneHot(regions, data.regionCount), [rows, data.regionCount]),
  };
}

function gather(values: Float32Array, picked: Int32Array, width: number): Float32Array {
  const out = new Float32Array(picked.length * width);
  for (const [i, row] of picked.entries()) out.set(values.subarray(row * width, (row + 1) * width), i * width);
  return out;
}
