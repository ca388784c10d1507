import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { TargetRows } from "./logistic.ts";

const lambdas = [0.1, 1, 10, 100, 1_000];
/** A region with fewer rows than this many for each input shares the weights of all. */
const rowsPerInput = 10;

/** A linear regression: weights [width + 1], the last of which is the constant. */
type Weights = Float64Array;

/** A ridge regression for each region with enough rows, and one for the others. */
export interface RegionalRidge {
  all: Weights;
  regions: Map<string, Weights>;
}

/**
 * Fits a linear regression with a ridge penalty to all rows, and one to the rows of each region that has enough; the penalty
 * of each has the least absolute error on validation rows.
 */
export function fitRegionalRidge(
  train: TargetRows & { regions: readonly string[] },
  validation: TargetRows & { regions: readonly string[] },
): RegionalRidge {
  const width = train.inputs[0]?.length ?? 0;
  const regions = new Map<string, Weights>();
  for (const region of new Set(train.regions)) {
    const [own, held] = [rowsIn(train, region), rowsIn(validation, region)];
    if (own.targets.length < rowsPerInput * width || held.targets.length === 0) continue;
    regions.set(region, fitBestRidge(own, held));
  }
  return { all: fitBestRidge(train, validation), regions };
}

/** Predicts the number of a row. */
export function ridgeValue({ all, regions }: RegionalRidge, region: string, row: Float32Array): number {
  return predict(regions.get(region) ?? all, row);
}

/** Fits w that minimises Σ(w·x + c − y)² + λ·|w|², by the normal equations. */
export function fitRidgeRegression({ inputs, targets }: TargetRows, lambda: number): Weights {
  const n = (inputs[0]?.length ?? 0) + 1;
  const gram = Matrix.zeros(n, n);
  const moment = Matrix.zeros(n, 1);
  for (const [row, values] of inputs.entries()) {
    const at = (i: number) => (i < n - 1 ? (values[i] as number) : 1);
    for (let i = 0; i < n; i++) {
      const own = at(i);
      if (own === 0) continue;
      for (let j = 0; j <= i; j++) gram.set(i, j, gram.get(i, j) + own * at(j));
      moment.set(i, 0, moment.get(i, 0) + own * (targets[row] as number));
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) gram.set(j, i, gram.get(i, j));
    if (i < n - 1) gram.set(i, i, gram.get(i, i) + lambda);
  }
  return Float64Array.from(new CholeskyDecomposition(gram).solve(moment).to1DArray());
}

function fitBestRidge(train: TargetRows, validation: TargetRows): Weights {
  const fitted = lambdas.map((lambda) => fitRidgeRegression(train, lambda));
  const errorOf = (weights: Weights) =>
    validation.inputs.reduce(
      (sum, row, i) => sum + Math.abs(predict(weights, row) - (validation.targets[i] as number)),
      0,
    );
  const errors = fitted.map(errorOf);
  return fitted[errors.indexOf(Math.min(...errors))] as Weights;
}

function predict(weights: Weights, row: Float32Array): number {
  let sum = weights[row.length] as number;
  for (let i = 0; i < row.length; i++) sum += (weights[i] as number) * (row[i] as number);
  return sum;
}

function rowsIn({ inputs, targets, regions }: TargetRows & { regions: readonly string[] }, region: string): TargetRows {
  const rows = [...regions.keys()].filter((row) => regions[row] === region);
  return {
    inputs: rows.map((row) => inputs[row] as Float32Array),
    targets: rows.map((row) => targets[row] as number),
  };
}
