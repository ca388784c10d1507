import { softmax } from "./head.ts";
import { calibratedLogLoss } from "./metrics.ts";
import { fitTemperature, type TemperaturePrior } from "./temperature.ts";

/** Scores are softmax(logits / temperature + bias). */
export interface Calibration {
  temperature: number;
  /** One a class. */
  bias: Float64Array;
}

const rounds = 8;
/** How far a class's bias is thought to be from 0, as a standard deviation. */
const biasDeviation = 0.2;

/**
 * A scale and a shrunken bias for each class that make logits fit labels: temperature and biases take turns, each
 * bias by a diagonal Newton step on log-loss with a normal prior. Never raises the log-loss on the labels given.
 *
 * @param logits one [classes] row for each label
 */
export function calibrate(
  logits: readonly Float64Array[],
  labels: readonly number[],
  prior: TemperaturePrior = {},
): Calibration {
  const classes = logits[0]?.length ?? 0;
  let best: Calibration = { temperature: fitTemperature(logits, labels, prior), bias: new Float64Array(classes) };
  let loss = objective(logits, labels, best);
  for (let round = 0; round < rounds; round++) {
    const next = { ...best, bias: stepBias(logits, labels, best) };
    const nextLoss = objective(logits, labels, next);
    if (nextLoss >= loss) break;
    best = next;
    loss = nextLoss;
  }
  return best;
}

/** Calibrated scores [classes] of one row of logits. */
export function calibrated(logits: Float64Array, { temperature, bias }: Calibration): Float64Array {
  return softmax(
    logits.map((logit, c) => logit / temperature + (bias[c] as number)),
    1,
  );
}

/** A head [width + 1, classes] with its calibration worked in, so that its temperature is 1. */
export function applyCalibration(weights: Float32Array, { temperature, bias }: Calibration): Float32Array {
  const classes = bias.length;
  const biasRow = weights.length - classes;
  return weights.map((weight, i) => weight / temperature + (i < biasRow ? 0 : (bias[i - biasRow] as number)));
}

function stepBias(logits: readonly Float64Array[], labels: readonly number[], at: Calibration): Float64Array {
  const classes = at.bias.length;
  const gradient = new Float64Array(classes);
  const curvature = new Float64Array(classes);
  for (const [row, values] of logits.entries()) {
    const scores = calibrated(values, at);
    for (let c = 0; c < classes; c++) {
      const score = scores[c] as number;
      gradient[c] = (gradient[c] as number) + score - (labels[row] === c ? 1 : 0);
      curvature[c] = (curvature[c] as number) + score * (1 - score);
    }
  }
  const precision = 1 / biasDeviation ** 2;
  // Classes pull on each other through the softmax: half a step each keeps two from overshooting together.
  return at.bias.map((bias, c) => {
    const slope = (gradient[c] as number) + precision * bias;
    return bias - (0.5 * slope) / ((curvature[c] as number) + precision);
  });
}

function objective(logits: readonly Float64Array[], labels: readonly number[], at: Calibration): number {
  const prior = at.bias.reduce((sum, bias) => sum + bias ** 2, 0) / (2 * biasDeviation ** 2);
  return calibratedLogLoss(logits, labels, at.temperature, at.bias) + prior / Math.max(1, labels.length);
}
