import * as tf from "@tensorflow/tfjs-core";
import { own } from "#core/own.ts";
import type { TrainingPlan } from "../recipes/index.ts";
import type { Dataset } from "./dataset.ts";
import type { Trainable } from "./trainable.ts";

/**
 * Returns the weight of each class, or null where the plan names none. `balanced` gives all classes the same weight in
 * total: n / (classes · n_c).
 */
export function classWeightsOf(
  plan: TrainingPlan["classWeights"],
  { labels, weights }: Pick<Dataset, "labels" | "weights">,
  names: readonly string[],
): Float32Array | null {
  if (plan === null) return null;
  if (plan !== "balanced") return Float32Array.from(names, (name) => own(plan, name) ?? 1);
  const sums = new Float64Array(names.length);
  for (const [row, label] of labels.entries()) sums[label] = (sums[label] as number) + (weights[row] as number);
  const total = sums.reduce((sum, own) => sum + own, 0);
  return Float32Array.from(sums, (own) => (own > 0 ? total / (names.length * own) : 1));
}

/** Weights scores [rows, classes] by class, and scales each row's sum to 1 again. */
export function weightScores(scores: Float32Array, classWeights: Float32Array): Float32Array {
  const classes = classWeights.length;
  const out = new Float32Array(scores.length);
  for (let row = 0; row < scores.length; row += classes) {
    let sum = 0;
    for (let i = 0; i < classes; i++) sum += out[row + i] = (scores[row + i] as number) * (classWeights[i] as number);
    for (let i = 0; i < classes; i++) out[row + i] = (out[row + i] as number) / sum;
  }
  return out;
}

/**
 * Takes the class weights out of the head's bias, so that its scores are probabilities again: b_c − ln w_c (King & Zeng
 * 2001, "Logistic regression in rare events data").
 */
export function takeOut(classWeights: Float32Array, { variables }: Trainable): void {
  const bias = variables.at(-1) as tf.Variable;
  tf.tidy(() => bias.assign(tf.sub(bias, tf.log(tf.tensor1d(classWeights)))));
}
