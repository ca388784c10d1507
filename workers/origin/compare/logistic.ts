import { softmax } from "#core/head/head.ts";
import { calibratedLogLoss } from "#core/head/metrics.ts";

/** Rows with a target each: a class, or a number. */
export interface TargetRows {
  /** Each [width]. */
  inputs: readonly Float32Array[];
  targets: readonly number[];
}

/** A multinomial logistic regression: weights [width + 1, classes], the last row of which is the bias. */
export interface Logistic {
  weights: Float64Array;
  classes: number;
  /** The strength of its L2 penalty, λ in λ/2·Σw² beside the summed log-loss. */
  lambda: number;
}

const lambdas = [0.01, 0.1, 1, 10, 100, 1_000];
const iterationsMax = 300;
/** Iteration stops when no component of the mean gradient is larger. */
const gradientMax = 1e-6;
const memory = 10;

/** Fits a logistic regression with a ridge penalty; its strength is the best on validation rows. */
export function fitLogistic(train: TargetRows, validation: TargetRows, classes: number): Logistic {
  let best: { model: Logistic; loss: number } | null = null;
  let weights: Float64Array | undefined;
  // From strong to weak, each from the one before.
  for (const lambda of lambdas.toReversed()) {
    const model = fitRidge(train, classes, lambda, weights);
    weights = model.weights;
    const loss = calibratedLogLoss(
      validation.inputs.map((row) => logits(model, row)),
      validation.targets,
      1,
    );
    if (!best || loss < best.loss) best = { model, loss };
  }
  return (best as { model: Logistic }).model;
}

/** Fits a logistic regression with a penalty of a given strength, by L-BFGS (Nocedal & Wright, algorithm 7.5). */
export function fitRidge(
  rows: TargetRows,
  classes: number,
  lambda: number,
  start: Float64Array = new Float64Array(((rows.inputs[0]?.length ?? 0) + 1) * classes),
): Logistic {
  let weights = start;
  let at = lossAndGradient(rows, classes, lambda, weights);
  const steps: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let i = 0; i < iterationsMax && largest(at.gradient) > gradientMax; i++) {
    const direction = directionOf(at.gradient, steps);
    const slope = dot(direction, at.gradient);
    let step = steps.length === 0 ? 1 / Math.max(1, Math.sqrt(dot(at.gradient, at.gradient))) : 1;
    let next = lossAndGradient(rows, classes, lambda, moved(weights, direction, step));
    while (next.loss > at.loss + 1e-4 * step * slope && step > 1e-10) {
      step /= 2;
      next = lossAndGradient(rows, classes, lambda, moved(weights, direction, step));
    }
    const s = direction.map((value) => value * step);
    const y = next.gradient.map((value, j) => value - (at.gradient[j] as number));
    const curvature = dot(s, y);
    if (curvature <= 0) break;
    steps.push({ s, y, rho: 1 / curvature });
    if (steps.length > memory) steps.shift();
    weights = moved(weights, direction, step);
    at = next;
  }
  return { weights, classes, lambda };
}

/** Computes the scores [classes] of a row. */
export function logisticScores(model: Logistic, row: Float32Array): Float64Array {
  return softmax(logits(model, row), 1);
}

function logits({ weights, classes }: Logistic, row: Float32Array): Float64Array {
  const out = weights.slice(row.length * classes);
  for (let i = 0; i < row.length; i++) {
    const value = row[i] as number;
    if (value === 0) continue;
    for (let c = 0; c < classes; c++) out[c] = (out[c] as number) + value * (weights[i * classes + c] as number);
  }
  return out;
}

/** The mean of penalised log-loss and its gradient; biases are not penalised. */
function lossAndGradient({ inputs, targets }: TargetRows, classes: number, lambda: number, weights: Float64Array) {
  const n = inputs.length;
  const gradient = new Float64Array(weights.length);
  const biases = weights.length - classes;
  let loss = 0;
  for (const [row, values] of inputs.entries()) {
    const scores = softmax(logits({ weights, classes, lambda }, values), 1);
    const label = targets[row] as number;
    loss -= Math.log(Math.max(Number.MIN_VALUE, scores[label] as number));
    scores[label] = (scores[label] as number) - 1;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value === 0) continue;
      for (let c = 0; c < classes; c++)
        gradient[i * classes + c] = (gradient[i * classes + c] as number) + value * (scores[c] as number);
    }
    for (let c = 0; c < classes; c++) gradient[biases + c] = (gradient[biases + c] as number) + (scores[c] as number);
  }
  for (let i = 0; i < biases; i++) {
    const weight = weights[i] as number;
    loss += (lambda / 2) * weight ** 2;
    gradient[i] = (gradient[i] as number) + lambda * weight;
  }
  return { loss: loss / n, gradient: gradient.map((value) => value / n) };
}

function directionOf(gradient: Float64Array, steps: readonly { s: Float64Array; y: Float64Array; rho: number }[]) {
  const direction = gradient.map((value) => -value);
  const alphas: number[] = [];
  for (const { s, y, rho } of steps.toReversed()) {
    const alpha = rho * dot(s, direction);
    alphas.push(alpha);
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) - alpha * (y[i] as number);
  }
  const last = steps.at(-1);
  const scale = last ? 1 / (last.rho * dot(last.y, last.y)) : 1;
  for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) * scale;
  for (const { s, y, rho } of steps) {
    const beta = rho * dot(y, direction);
    const alpha = alphas.pop() as number;
    for (let i = 0; i < direction.length; i++)
      direction[i] = (direction[i] as number) + (alpha - beta) * (s[i] as number);
  }
  return direction;
}

function moved(weights: Float64Array, direction: Float64Array, step: number): Float64Array {
  return weights.map((value, i) => value + step * (direction[i] as number));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function largest(values: Float64Array): number {
  return values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
}
