import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { softmax } from "./head.ts";
import { type Label, probabilityOf } from "./label.ts";
import { calibratedLogLoss } from "./metrics.ts";
import { defaultTemperature, fitTemperature, type TemperaturePrior } from "./temperature.ts";

/** A calibration of scores: softmax(logits / temperature + bias). */
export interface ScoreCalibration {
  temperature: number;
  /** One per class. */
  bias: Float64Array;
}

/** Log-loss with normal priors on ln T and on the biases. */
interface PenalisedLoss extends Required<TemperaturePrior> {
  /** One [classes] row for each label. */
  logits: readonly Float64Array[];
  labels: readonly Label[];
}

const rounds = 10;
/** Iteration stops after a round that lowers the mean log-loss by less. */
const negligible = 1e-7;
/** How often a step that does not lower the loss is halved. */
const halvings = 6;
/** The prior standard deviation of a class's bias around 0. */
const biasDeviation = 0.2;

/**
 * Fits a temperature and a shrunken bias per class: the temperature alone first, then both together by Fisher scoring on
 * log-loss with normal priors. Never raises the log-loss on the given labels.
 *
 * @param logits one [classes] row for each label
 */
export function calibrate(
  logits: readonly Float64Array[],
  labels: readonly Label[],
  prior: TemperaturePrior = {},
): ScoreCalibration {
  const classes = logits[0]?.length ?? 0;
  const problem = { ...defaultTemperature, ...prior, logits, labels };
  let best: ScoreCalibration = { temperature: fitTemperature(logits, labels, prior), bias: new Float64Array(classes) };
  let loss = objective(problem, best);
  for (let round = 0; round < rounds && classes > 0; round++) {
    const { next, nextLoss } = better(problem, best, loss);
    const gain = loss - nextLoss;
    [best, loss] = [next, nextLoss];
    if (gain < negligible) break;
  }
  return best;
}

/** Computes calibrated scores [classes] of one row of logits. */
export function calibrated(logits: Float64Array, { temperature, bias }: ScoreCalibration): Float64Array {
  return softmax(
    logits.map((logit, c) => logit / temperature + (bias[c] as number)),
    1,
  );
}

/** Folds a calibration into a head [width + 1, classes], whose temperature is then 1. */
export function applyCalibration(weights: Float32Array, { temperature, bias }: ScoreCalibration): Float32Array {
  const classes = bias.length;
  const biasRow = weights.length - classes;
  return weights.map((weight, i) => weight / temperature + (i < biasRow ? 0 : (bias[i - biasRow] as number)));
}

/** Takes one step of Fisher scoring, halved until it lowers the loss; returns the same calibration if it never does. */
function better(
  problem: PenalisedLoss,
  at: ScoreCalibration,
  loss: number,
): { next: ScoreCalibration; nextLoss: number } {
  const step = scoringStep(problem, at);
  for (let halved = 0; halved <= halvings; halved++) {
    const share = 0.5 ** halved;
    const next = {
      temperature: at.temperature * Math.exp(share * step.get(at.bias.length, 0)),
      bias: at.bias.map((bias, c) => bias - share * step.get(c, 0)),
    };
    const nextLoss = objective(problem, next);
    if (nextLoss < loss) return { next, nextLoss };
  }
  return { next: at, nextLoss: loss };
}

/**
 * Computes gradient over expected curvature, [classes + 1], for each bias and then for −ln T. With s = logits / T in
 * softmax(s + b), a row's curvature is the covariance, under its scores, of the class indicators and s.
 */
function scoringStep({ logits, labels, centre, deviation }: PenalisedLoss, at: ScoreCalibration): Matrix {
  const classes = at.bias.length;
  const n = classes + 1;
  const slope = new Float64Array(n);
  const curvature = new Float64Array(n * n);
  const mean = new Float64Array(n);
  for (const [row, values] of logits.entries()) {
    mean.set(calibrated(values, at));
    mean[classes] = 0;
    for (let c = 0; c < classes; c++) {
      const score = mean[c] as number;
      const scaled = (values[c] as number) / at.temperature;
      const residual = score - probabilityOf(labels[row] as Label, c);
      add(slope, c, residual);
      add(slope, classes, residual * scaled);
      add(mean, classes, score * scaled);
      add(curvature, c * n + c, score);
      add(curvature, classes * n + c, score * scaled);
      add(curvature, classes * n + classes, score * scaled * scaled);
    }
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) add(curvature, i * n + j, -(mean[i] as number) * (mean[j] as number));
    }
  }
  const pulls = [
    ...at.bias.map((bias) => bias / biasDeviation ** 2),
    -Math.log(at.temperature / centre) / deviation ** 2,
  ];
  for (const [i, pull] of pulls.entries()) {
    add(slope, i, pull);
    add(curvature, i * n + i, 1 / (i < classes ? biasDeviation : deviation) ** 2);
    for (let j = 0; j < i; j++) curvature[j * n + i] = curvature[i * n + j] as number;
  }
  const decomposed = new CholeskyDecomposition(Matrix.from1DArray(n, n, curvature));
  return decomposed.isPositiveDefinite() ? decomposed.solve(Matrix.columnVector(slope)) : Matrix.zeros(n, 1);
}

function add(values: Float64Array, i: number, value: number): void {
  values[i] = (values[i] as number) + value;
}

function objective(
  { logits, labels, centre, deviation }: PenalisedLoss,
  { temperature, bias }: ScoreCalibration,
): number {
  const ofBias = bias.reduce((sum, value) => sum + value ** 2, 0) / (2 * biasDeviation ** 2);
  const ofTemperature = Math.log(temperature / centre) ** 2 / (2 * deviation ** 2);
  return calibratedLogLoss(logits, labels, temperature, bias) + (ofBias + ofTemperature) / Math.max(1, labels.length);
}
