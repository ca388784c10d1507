import { Matrix } from "ml-matrix";
import { type Factor, factorInPlace } from "./cholesky.ts";
import { addSums, labelsIn, labelWeightUnit, type Sums, sharesIn } from "./sums.ts";

/** The sufficient statistics of ridge regression in real units, one per full label: XᵀX [width + 1, width + 1] and XᵀY [width + 1, classes]. */
export interface GramMatrices {
  readonly gram: Matrix;
  readonly moment: Matrix;
  readonly labels: number;
}

/** The hyperparameters of a ridge head. */
export interface RidgeSettings {
  /** The weight of the prior, in samples. */
  tau: number;
  /** The penalty, in samples, on each weight at its feature's mean square. */
  lambda: number;
}

/** The pairs that cross-validation chooses from; without a prior only those with τ = 0. */
export const ridgeGrid: readonly RidgeSettings[] = [0, 30, 100, 300, 1000].flatMap((tau) =>
  [1, 10, 100].map((lambda) => ({ tau, lambda })),
);

/** Sums whose normal equations have no solution. */
export class SingularSumsError extends Error {
  override readonly name = "SingularSumsError";
  constructor() {
    super("The normal equations are not positive definite: a head needs more labels or a prior.");
  }
}

/**
 * Converts sums of int16 embeddings at `step` to real units. Matrices are made when they are read: sums take half the memory,
 * and a region holds those of every fold.
 */
export function gramMatricesOf(sums: Sums, step: number): GramMatrices {
  return {
    get gram() {
      return gramOf(sums, step);
    },
    get moment() {
      return momentOf(sums, step);
    },
    labels: labelsIn(sums),
  };
}

function gramOf({ width, values }: Sums, step: number): Matrix {
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
  return gram;
}

function momentOf(sums: Sums, step: number): Matrix {
  const { width, classes, values } = sums;
  const n = width + 1;
  const moment = Matrix.zeros(n, classes);
  const fullLabel = labelWeightUnit * sharesIn(sums);
  let at = (n * (n + 1)) / 2;
  for (let i = 0; i < n; i++) {
    const unit = i < width ? step : 1;
    for (let c = 0; c < classes; c++) moment.set(i, c, ((values[at++] as number) * unit) / fullLabel);
  }
  return moment;
}

/**
 * Computes the prior: the global sums per sample, without the region's own samples, which would count twice. Subtracts as
 * many of the region's `ownLabels` samples in the global sums as the region holds, assumed to look like them on average.
 * Subtracts nothing if they are most of the global sums, or if the remainder is not positive definite.
 */
export function priorOf(global: GramMatrices, own: GramMatrices, ownLabels: number): GramMatrices {
  const without = (share: number): GramMatrices => {
    const labels = global.labels - share * own.labels;
    const scaled = (all: Matrix, fold: Matrix) => Matrix.sub(all, Matrix.mul(fold, share)).div(labels);
    return { gram: scaled(global.gram, own.gram), moment: scaled(global.moment, own.moment), labels: 1 };
  };
  const isTakenOut = own.labels > 0 && ownLabels < global.labels / 2;
  const prior = without(isTakenOut ? Math.min(1, ownLabels / own.labels) : 0);
  const isPossible = penalised(prior.gram.clone(), prior.gram, 0) !== null;
  return isPossible ? prior : without(0);
}

/**
 * Solves ridge regression on one-hot or soft labels in closed form, W [width + 1, classes]:
 * (τĜ + G + λD)⁻¹(τB̂ + B) with D = diag(Ĝ) and the bias not penalised (AFL, arXiv 2405.16240).
 * Throws `SingularSumsError` if there is no solution: too few labels, and neither prior nor penalty.
 */
export function solveRidge(own: GramMatrices, prior: GramMatrices, { tau, lambda }: RidgeSettings): Matrix {
  // The factor takes the place of the matrix: it must be a new one.
  const withPrior = (learned: Matrix, known: Matrix) =>
    tau === 0 ? learned.clone() : Matrix.mul(known, tau).add(learned);
  const factor = penalised(withPrior(own.gram, prior.gram), prior.gram, lambda);
  if (!factor) throw new SingularSumsError();
  return factor.solve(withPrior(own.moment, prior.moment));
}

// A feature that is always zero has no scale; a small share of the mean scale keeps the system solvable. The bias is left
// out of both, so that the unit of the embedding makes no difference. It changes `left`.
function penalised(left: Matrix, prior: Matrix, lambda: number): Factor | null {
  const scales = prior.diagonal().slice(0, -1);
  const floor = 1e-6 * (scales.reduce((sum, scale) => sum + scale, 0) / scales.length || 1);
  for (const [i, scale] of scales.entries()) left.set(i, i, left.get(i, i) + lambda * scale + floor);
  return factorInPlace(left);
}

/** Computes Σω‖y − Wᵀx̃‖² over the rows of sums, from the sums alone. For soft labels Σω(1 − ‖y‖²) is added, which no W changes. */
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

/** Adds the sums of every fold but one, each time that they are read: all of them at once would be as large as the folds. */
export function leaveOut(folds: readonly Sums[], left: number): Sums {
  const [first, ...others] = folds.filter((_, i) => i !== left) as [Sums, ...Sums[]];
  const { width, classes } = first;
  return {
    ...{ width, classes },
    get values() {
      return others.reduce((sum, fold) => addSums(sum, fold), first).values;
    },
  };
}

/** Converts W to float32 [width + 1, classes] row by row, the form of every other head. */
export function toFloat32(weights: Matrix): Float32Array {
  return Float32Array.from(weights.to1DArray());
}
