import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { addSums, labelsIn, labelWeightUnit, type Sums } from "./sums.ts";

/** Sums in real units, one full label counting one: XᵀX [width + 1, width + 1] and XᵀY [width + 1, classes]. */
export interface GramMatrices {
  gram: Matrix;
  moment: Matrix;
  labels: number;
}

export interface RidgeSettings {
  /** How many samples the prior counts for. */
  tau: number;
  /** The penalty, in samples, on each weight at its feature's own mean square. */
  lambda: number;
}

/** Every pair that cross-validation chooses from; without a prior only those with τ = 0. */
export const ridgeGrid: readonly RidgeSettings[] = [0, 30, 100, 300, 1000].flatMap((tau) =>
  [1, 10, 100].map((lambda) => ({ tau, lambda })),
);

/** Sums that no head can be solved from. */
export class SingularSumsError extends Error {
  override readonly name = "SingularSumsError";
  constructor() {
    super("Error in solveRidge: the sums are not positive definite; more labels or a prior are needed");
  }
}

/** Sums of int16 embeddings at `step`, in real units. */
export function gramMatricesOf(sums: Sums, step: number): GramMatrices {
  const { width, classes, values } = sums;
  const n = width + 1;
  const unit = (i: number) => (i < width ? step : 1);
  const gram = Matrix.zeros(n, n);
  let at = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      const value = ((values[at++] as number) * unit(i) * unit(j)) / labelWeightUnit;
      gram.set(i, j, value);
      gram.set(j, i, value);
    }
  }
  const moment = Matrix.zeros(n, classes);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < classes; c++) moment.set(i, c, ((values[at++] as number) * unit(i)) / labelWeightUnit);
  }
  return { gram, moment, labels: labelsIn(sums) };
}

/**
 * The prior: global sums scaled to one sample, without the region's own samples, which would count twice. Of the
 * `ownLabels` samples that the region has in the global sums it takes out as many as the region holds, taken to look
 * like them on average; all stays in where they are most of the global sums, or where no data could have what is left.
 */
export function priorOf(global: GramMatrices, own: GramMatrices, ownLabels: number): GramMatrices {
  const without = (share: number): GramMatrices => {
    const labels = global.labels - share * own.labels;
    const scaled = (all: Matrix, fold: Matrix) => Matrix.sub(all, Matrix.mul(fold, share)).div(labels);
    return { gram: scaled(global.gram, own.gram), moment: scaled(global.moment, own.moment), labels: 1 };
  };
  const isTakenOut = own.labels > 0 && ownLabels < global.labels / 2;
  const prior = without(isTakenOut ? Math.min(1, ownLabels / own.labels) : 0);
  const isPossible = penalised(prior.gram, prior.gram, 0).isPositiveDefinite();
  return isPossible ? prior : without(0);
}

/**
 * Ridge regression on one-hot labels in closed form, W [width + 1, classes]:
 * (τĜ + G + λD)⁻¹(τB̂ + B) with D = diag(Ĝ) and the bias not penalised (AFL, arXiv 2405.16240).
 * Throws `SingularSumsError` where there is no solution: too few labels, and neither prior nor penalty.
 */
export function solveRidge(own: GramMatrices, prior: GramMatrices, { tau, lambda }: RidgeSettings): Matrix {
  const left = Matrix.add(own.gram, Matrix.mul(prior.gram, tau));
  const right = Matrix.add(own.moment, Matrix.mul(prior.moment, tau));
  const decomposed = penalised(left, prior.gram, lambda);
  if (!decomposed.isPositiveDefinite()) {
    throw new SingularSumsError();
  }
  return decomposed.solve(right);
}

// A feature that is always zero has no scale of its own: a little of the mean one keeps the system solvable. The bias
// has no part in either, so that the unit of the embedding makes no difference.
function penalised(gram: Matrix, prior: Matrix, lambda: number): CholeskyDecomposition {
  const scales = prior.diagonal().slice(0, -1);
  const floor = 1e-6 * (scales.reduce((sum, scale) => sum + scale, 0) / scales.length || 1);
  const left = gram.clone();
  for (const [i, scale] of scales.entries()) left.set(i, i, left.get(i, i) + lambda * scale + floor);
  return new CholeskyDecomposition(left);
}

/** Σω‖y − Wᵀx̃‖² over the rows of some sums, without the rows. */
export function squaredError({ gram, moment, labels }: GramMatrices, weights: Matrix): number {
  const fitted = gram.mmul(weights);
  let error = labels;
  for (let i = 0; i < weights.rows; i++) {
    for (let c = 0; c < weights.columns; c++) {
      error += weights.get(i, c) * (fitted.get(i, c) - 2 * moment.get(i, c));
    }
  }
  return error;
}

/** The sums of every part but one. */
export function leaveOut(folds: readonly Sums[], left: number): Sums {
  const [first, ...others] = folds.filter((_, i) => i !== left);
  return others.reduce((sum, fold) => addSums(sum, fold), first as Sums);
}

/** W as float32 [width + 1, classes] row by row, the form of every other head. */
export function toFloat32(weights: Matrix): Float32Array {
  return Float32Array.from(weights.to1DArray());
}
