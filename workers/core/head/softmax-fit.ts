import { softmax } from "./head.ts";
import { logLossOf } from "./metrics.ts";
import { type SoftmaxState, softmaxGradient, softmaxSettings, softmaxStep, startSoftmax } from "./softmax.ts";

/** Labelled embeddings as numbers: inputs [rows, width + 1] ending in 1, each label's class, each row's weight. */
export interface LabelledRows {
  rows: number;
  inputs: Float32Array;
  labels: number[];
  weights: Float32Array;
}

export interface FitData {
  train: LabelledRows;
  tune: LabelledRows;
  /** The global head at temperature 1, [width + 1, classes]: where training starts, and what L2 holds it to. */
  start: Float32Array;
  classes: number;
}

/** Where a fit is: plain values, so that it can be kept between two slices. */
export interface FitState {
  /** Which of `softmaxSettings.l2` is being fitted; all are done at its end. */
  candidate: number;
  head: SoftmaxState;
  /** The gradient so far, over the rows before `row`. */
  gradient: Float32Array;
  row: number;
  best: { weights: Float32Array; l2: number; tuneLogLoss: number } | null;
}

export function startFit({ start }: FitData): FitState {
  return { candidate: 0, head: startSoftmax(start), gradient: new Float32Array(start.length), row: 0, best: null };
}

export function isFitted(state: FitState): boolean {
  return state.candidate === softmaxSettings.l2.length;
}

/**
 * Fits softmax heads, one for each L2, by full-batch Adam, and keeps the one with the lowest log-loss on tune.
 * Stops after about `multiplyAdds`; going on from there gives what one go would have given.
 */
export function continueFit(data: FitData, from: FitState, multiplyAdds: number): FitState {
  let state = from;
  let budget = multiplyAdds;
  const rowCost = 2 * data.start.length;
  while (budget > 0 && !isFitted(state)) {
    const rows = Math.min(data.train.rows - state.row, Math.max(1, Math.floor(budget / rowCost)));
    state = overRows(data, state, rows);
    budget -= rows * rowCost;
    if (state.row === data.train.rows) state = nextIteration(data, state);
  }
  return state;
}

function overRows({ train, classes, start }: FitData, state: FitState, rows: number): FitState {
  const { row } = state;
  const width = start.length / classes;
  const targets = new Float32Array(rows * classes);
  for (let i = 0; i < rows; i++) targets[i * classes + (train.labels[row + i] as number)] = 1;
  const part = softmaxGradient(
    state.head.weights,
    {
      rows,
      inputs: train.inputs.subarray(row * width, (row + rows) * width),
      targets,
      weights: train.weights.subarray(row, row + rows),
    },
    classes,
  );
  return { ...state, gradient: state.gradient.map((sum, i) => sum + (part[i] as number)), row: row + rows };
}

function nextIteration(data: FitData, state: FitState): FitState {
  const mass = data.train.weights.reduce((sum, weight) => sum + weight, 0);
  const l2 = softmaxSettings.l2[state.candidate] as number;
  const head = softmaxStep(state.head, state.gradient, mass, data.start, l2);
  const next = { ...state, head, gradient: new Float32Array(data.start.length), row: 0 };
  if (head.iteration < softmaxSettings.iterations) return next;
  const tuneLogLoss = tuneLoss(data, head.weights);
  const isBest = state.best === null || tuneLogLoss < state.best.tuneLogLoss;
  const best = isBest ? { weights: head.weights, l2, tuneLogLoss } : state.best;
  return { ...next, candidate: state.candidate + 1, head: startSoftmax(data.start), best };
}

function tuneLoss({ tune, classes }: FitData, weights: Float32Array): number {
  const scores = rowLogits(tune, weights, classes).map((logits) => softmax(logits, 1));
  return logLossOf(scores, tune.labels);
}

/** Logits of every row, each [classes], by a head [width + 1, classes] whose last row is the bias. */
export function rowLogits({ rows, inputs }: LabelledRows, weights: Float32Array, classes: number): Float64Array[] {
  const width = weights.length / classes;
  return Array.from({ length: rows }, (_, row) => {
    const logits = new Float64Array(classes);
    for (let i = 0; i < width; i++) {
      const value = inputs[row * width + i] as number;
      for (let c = 0; c < classes; c++) {
        logits[c] = (logits[c] as number) + value * (weights[i * classes + c] as number);
      }
    }
    return logits;
  });
}

/** A state as text, every float32 exactly. */
export function packFit(state: FitState): string {
  return JSON.stringify(state, (_, value) => (value instanceof Float32Array ? { float32: Array.from(value) } : value));
}

export function unpackFit(text: string): FitState {
  return JSON.parse(text, (_, value) => (Array.isArray(value?.float32) ? Float32Array.from(value.float32) : value));
}
