import { Matrix } from "ml-matrix";
import { factorInPlace } from "./cholesky.ts";
import { labelsIn, labelWeightUnit, type Sums } from "./sums.ts";

/** Scores labels that the model does not have, from the sums of those who contributed them. */
export interface OpenLabels {
  /** The labels, without those of the model. */
  labels: readonly string[];
  /** Returns the scores of the model's labels, and then of these. */
  extend(scores: ArrayLike<number>, vector: Int16Array): Float64Array;
}

/** The penalty of the device's own head (`personal.ts`), which is the same regression on rows. */
const lambda = 0.02;

/**
 * Fits the labels that contributions brought: ridge regression on one-hot labels, from the exact sums alone. What the model
 * says of an instance keeps its proportions, and shares what the new labels leave. Labels of the model in the sums, and the
 * background, are rows of none of them. Null without a new label.
 *
 * @param labels the classes of the sums: the `known` labels of the model first
 * @param background embeddings that the model knows well; each weighs as much as a contributed one, and all no more than all of those
 */
export function fitOpenLabels(
  { sums, labels, known }: { sums: Sums; labels: readonly string[]; known: number },
  background: readonly Int16Array[],
): OpenLabels | null {
  const total = labelsIn(sums);
  if (labels.length <= known || total === 0) return null;
  const { width, classes, values } = sums;
  const n = width + 1;
  const gram = Matrix.zeros(n, n);
  let at = 0;
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) gram.set(i, j, (values[at++] as number) / labelWeightUnit);
  const moment = Matrix.zeros(n, classes - known);
  for (let i = 0; i < n; i++) {
    for (let c = known; c < classes; c++) {
      moment.set(i, c - known, (values[at + i * classes + c] as number) / labelWeightUnit);
    }
  }
  const share = Math.min(1, total / Math.max(1, background.length));
  const one = (vector: Int16Array, i: number) => (i < width ? (vector[i] as number) : 1);
  for (const vector of background) {
    for (let i = 0; i < n; i++) {
      const scaled = share * one(vector, i);
      if (scaled !== 0) for (let j = i; j < n; j++) gram.set(i, j, gram.get(i, j) + scaled * one(vector, j));
    }
  }
  const rows = total + share * background.length;
  for (let i = 0; i < n; i++) {
    const meanSquare = gram.get(i, i) / rows;
    // A feature that is always zero has no scale.
    gram.set(i, i, gram.get(i, i) + (meanSquare > 0 ? lambda * n * meanSquare : 1));
    for (let j = 0; j < i; j++) gram.set(i, j, gram.get(j, i));
  }
  const weights = factorInPlace(gram)?.solve(moment);
  if (!weights) return null;
  return {
    labels: labels.slice(known),
    extend(scores, vector) {
      const added = Array.from({ length: weights.columns }, (_, c) => {
        let sum = weights.get(width, c);
        for (let i = 0; i < width; i++) sum += (vector[i] as number) * weights.get(i, c);
        return Math.min(1, Math.max(0, sum));
      });
      const taken = added.reduce((sum, score) => sum + score, 0);
      const out = new Float64Array(known + added.length);
      for (let c = 0; c < known; c++) out[c] = (scores[c] as number) * Math.max(0, 1 - taken);
      for (const [c, score] of added.entries()) out[known + c] = score / Math.max(1, taken);
      return out;
    },
  };
}
