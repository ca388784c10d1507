import * as tf from "@tensorflow/tfjs-core";
import { seededRandom } from "../random.ts";
import type { TrainingPlan } from "../recipes/index.ts";
import { augment } from "./augment.ts";
import type { Dataset } from "./dataset.ts";
import { inputTensors } from "./network.ts";
import type { TrainingBatch } from "./objective.ts";

/** What a training set has besides its rows. */
export interface TrainingSet {
  data: Dataset;
  classes: number;
  /** The teacher's scores at the plan's temperature [rows, classes]; null without one. */
  teacher: Float32Array | null;
}

/** Rows of [classes] with a one at each label; a label of −1 has none. */
export function oneHot(labels: Int32Array, classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes);
  for (const [row, label] of labels.entries()) if (label >= 0) out[row * classes + label] = 1;
  return out;
}

/** The picked rows of a set as tensors; a training batch's values are varied at random, by its seed alone. */
export function batchOf(
  { data, classes, teacher }: TrainingSet,
  chosen: Int32Array,
  variation: { plan: TrainingPlan; seed: number } | null = null,
): TrainingBatch {
  const rows = chosen.length;
  const values = data.values.read(chosen);
  if (variation) vary(data, values, rows, variation.plan, seededRandom(variation.seed));
  const labels = chosen.map((row) => data.labels[row] as number);
  const regions = chosen.map((row) => data.regions[row] as number);
  return {
    inputs: inputTensors(data.shapes, values, rows),
    labels: tf.tensor2d(oneHot(labels, classes), [rows, classes]),
    teacher: teacher && tf.tensor2d(gather(teacher, chosen, classes), [rows, classes]),
    regions: tf.tensor2d(oneHot(regions, data.regionCount), [rows, data.regionCount]),
    weights: tf.tensor1d(Float32Array.from(chosen, (row) => data.weights[row] as number)),
  };
}

/** Everything that a batch holds on to. */
export function tensorsOf({ inputs, labels, teacher, regions, weights }: TrainingBatch): tf.Tensor[] {
  return [...inputs, labels, ...(teacher ? [teacher] : []), regions, weights];
}

function vary(data: Dataset, values: Float32Array, rows: number, plan: TrainingPlan, random: () => number): void {
  const { width } = data.values;
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * width, (row + 1) * width);
    if (plan.augment) augment(own, data.shapes[0] as number[], plan.augment, random);
    if (!data.regionColumns || plan.regionDropout === 0) continue;
    const { offset, width: regions } = data.regionColumns;
    if (random() < plan.regionDropout) own.fill(0, offset, offset + regions);
  }
}

function gather(values: Float32Array, chosen: Int32Array, width: number): Float32Array {
  const out = new Float32Array(chosen.length * width);
  for (const [i, row] of chosen.entries()) out.set(values.subarray(row * width, (row + 1) * width), i * width);
  return out;
}
