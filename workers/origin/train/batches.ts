import * as tf from "@tensorflow/tfjs-core";
import { setTarget } from "#core/head/label.ts";
import { seededRandom } from "../random.ts";
import type { TrainingPlan } from "../recipes/index.ts";
import { augment } from "./augment.ts";
import { termsOf } from "./bag.ts";
import { type Dataset, labelAt } from "./dataset.ts";
import type { TrainingBatch } from "./objective.ts";
import { inputTensors, termsPlaces } from "./trainable.ts";

/** A dataset to train on, with its number of classes and the teacher's scores. */
export interface TrainingSet {
  data: Dataset;
  classes: number;
  /** The teacher's scores at the plan's temperature [rows, classes]; null without a teacher. */
  teacher: Float32Array | null;
  /** The weight of each class; null where all weigh the same. */
  classWeights: Float32Array | null;
}

/** Encodes labels as one-hot rows [labels, classes]; a label of −1 becomes zeros. */
export function oneHot(labels: Int32Array, classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes);
  for (const [row, label] of labels.entries()) if (label >= 0) out[row * classes + label] = 1;
  return out;
}

/** Reads the rows at `indexes` as tensors. With `variation` their values are varied at random, decided by its seed. */
export function batchOf(
  { data, classes, teacher, classWeights }: TrainingSet,
  indexes: Int32Array,
  variation: { plan: TrainingPlan; seed: number } | null = null,
): TrainingBatch {
  const rows = indexes.length;
  const values = data.values.read(indexes);
  const random = seededRandom(variation?.seed ?? 0);
  if (variation) vary(data, values, rows, variation.plan, random);
  const targets = new Float32Array(rows * classes);
  for (const [i, row] of indexes.entries()) setTarget(targets, i * classes, labelAt(data, row));
  const regions = indexes.map((row) => data.regions[row] as number);
  const texts = termsPlaces(data.shapes, data.buckets);
  return {
    ...(texts.length === 0
      ? { inputs: inputTensors(data.shapes, values, rows) }
      : {
          inputs: plainInputs(values, rows, (texts[0] as { offset: number }).offset),
          terms: texts.map((place) => {
            return termsOf(values, rows, place, variation && { share: variation.plan.dropout, random });
          }),
        }),
    labels: tf.tensor2d(targets, [rows, classes]),
    teacher: teacher && tf.tensor2d(gather(teacher, indexes, classes), [rows, classes]),
    regions: tf.tensor2d(oneHot(regions, data.regionCount), [rows, data.regionCount]),
    weights: tf.tensor1d(Float32Array.from(indexes, (row) => weightOf(data, row, classWeights))),
  };
}

/** Lists the tensors of a batch, for disposal. */
export function tensorsOf({ inputs, terms = [], labels, teacher, regions, weights }: TrainingBatch): tf.Tensor[] {
  const ofTexts = terms.flatMap((own) => [own.places, own.owners, own.weights]);
  return [...inputs, ...ofTexts, labels, ...(teacher ? [teacher] : []), regions, weights];
}

/** What precedes the texts in each row, as one tensor if there is anything. */
function plainInputs(values: Float32Array, rows: number, width: number): tf.Tensor[] {
  if (width === 0) return [];
  const all = values.length / rows;
  const own = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) own.set(values.subarray(row * all, row * all + width), row * width);
  return [tf.tensor2d(own, [rows, width])];
}

function weightOf(data: Dataset, row: number, classWeights: Float32Array | null): number {
  return (data.weights[row] as number) * (classWeights?.[data.labels[row] as number] ?? 1);
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

function gather(values: Float32Array, indexes: Int32Array, width: number): Float32Array {
  const out = new Float32Array(indexes.length * width);
  for (const [i, row] of indexes.entries()) out.set(values.subarray(row * width, (row + 1) * width), i * width);
  return out;
}
