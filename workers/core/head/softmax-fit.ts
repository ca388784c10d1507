import { crossFitFolds } from "../confidence/few-labels.ts";
import { trainFolds } from "../confidence/splits.ts";
import { softmax } from "./head.ts";
import { type Label, setTarget } from "./label.ts";
import { logLossOf } from "./metrics.ts";
import { type SoftmaxState, softmaxGradient, softmaxSettings, softmaxStep, startSoftmax } from "./softmax.ts";

/** Folds after which a pull is given up where it is worse on them than the one before. */
const earlyFolds = 2;
/** The overhead of a block of rows or of a step, in multiply-adds. */
const blockOverheadMultiplyAdds = 100_000;

/** Labelled embeddings: inputs [rows, width + 1] ending in 1, the label and the weight of each row. */
export interface LabelledRows {
  rows: number;
  inputs: Float32Array;
  labels: Label[];
  weights: Float32Array;
  /** The group key of each row. */
  groupKeys: string[];
  /** The fold that each row belongs to; -1 for rows that no fold leaves out. */
  folds: number[];
  /** Whether a row's label may judge a head. */
  mayJudge?: readonly boolean[];
}

/** What a softmax head is fitted on. */
export interface FitData {
  train: LabelledRows;
  validation: LabelledRows;
  /** Whether all labels train, so that the folds choose the pull in the place of validation; no, unless given. */
  crossFits?: boolean;
  /** The global head at temperature 1, [width + 1, classes]: where training starts, and the centre of L2. */
  start: Float32Array;
  classes: number;
}

/** The progress of a fit, as plain values that can be stored between two slices. */
export interface FitState {
  /**
   * Heads fitted so far. One for each pull, then with the best pull one for each fold that is left out; where the run cross-fits,
   * for each pull one for each fold that is left out, then with the best pull one for all rows.
   */
  done: number;
  /** The divisor of embeddings during training; stored heads are for undivided embeddings. */
  unit: number;
  /** The head in training, on divided embeddings. */
  head: SoftmaxState;
  /** Its gradient so far, over the rows before `row`. */
  gradient: Float32Array;
  row: number;
  /** `weights` are empty until the head of all rows is fitted. */
  best: { weights: Float32Array; pull: number; validationLogLoss: number } | null;
  /** Heads [width + 1, classes] by the fold that each has not seen. */
  crossFitted: Float32Array[];
  /** Of the best pull so far, where the run cross-fits. */
  bestCrossFitted?: Float32Array[];
}

/** What the next head is fitted with: the pull, and the fold that is left out; null for none. */
interface Fit {
  pull: number;
  left: number | null;
}

const candidates = softmaxSettings.pulls.length;

// The blocks of rows depend on the data alone, so that sums are the same however a fit is sliced.
const blockMaxRows = 1024;
const blockMaxMultiplyAdds = 1_000_000;

/** The length of the embeddings for which the learning rate and the pulls were chosen. */
const usualLength = 4;

/** Starts a fit at the global head. */
export function startFit(data: FitData): FitState {
  const gradient = new Float32Array(data.start.length);
  const unit = unitOf(data);
  return {
    done: 0,
    unit,
    head: startSoftmax(scaled(data.start, data.classes, unit)),
    gradient,
    row: 0,
    best: null,
    crossFitted: [],
  };
}

// Adam's steps and L2 depend on the scale of the embedding, which backbones do not fix. A power of two rounds nothing.
function unitOf({ train: { inputs, weights }, start, classes }: FitData): number {
  const n = start.length / classes;
  let squares = 0;
  for (const [row, weight] of weights.entries()) {
    for (let i = 0; i < n - 1; i++) squares += weight * (inputs[row * n + i] as number) ** 2;
  }
  const length = Math.sqrt(squares / weights.reduce((sum, weight) => sum + weight, 0));
  return length > 0 ? 2 ** Math.round(Math.log2(length / usualLength)) : 1;
}

// Scales a head [width + 1, classes] for embeddings divided by `unit`: multiplies the weights, not the bias.
function scaled(head: Float32Array, classes: number, unit: number): Float32Array {
  return head.map((weight, i) => (i < head.length - classes ? weight * unit : weight));
}

/** Returns the number of folds that a fit leaves out. */
export function foldsOf({ crossFits = false }: Pick<FitData, "crossFits">): number {
  return crossFits ? crossFitFolds : trainFolds;
}

/** Tells whether a fit is complete. */
export function isFitted(data: Pick<FitData, "crossFits">, { done }: FitState): boolean {
  return done === (data.crossFits ? candidates * crossFitFolds + 1 : candidates + trainFolds);
}

function fitAt({ crossFits }: FitData, { done, best }: FitState): Fit {
  const bestPull = () => best?.pull as number;
  if (!crossFits) {
    const left = done - candidates;
    return left < 0 ? { pull: softmaxSettings.pulls[done] as number, left: null } : { pull: bestPull(), left };
  }
  const pull = softmaxSettings.pulls[Math.floor(done / crossFitFolds)];
  return pull === undefined ? { pull: bestPull(), left: null } : { pull, left: done % crossFitFolds };
}

/**
 * Fits softmax heads by full-batch Adam: one for each pull, keeping the one with the lowest validation log-loss, then with
 * that pull one for each fold of train left out (cross-fitting), so that every row has a head that has not seen it. Without
 * validation the heads that leave a fold out choose the pull, and the head of all rows is fitted last.
 * Stops after about `multiplyAdds`; continuing gives exactly the result of one uninterrupted fit.
 */
export function continueFit(data: FitData, from: FitState, multiplyAdds: number): FitState {
  let state = from;
  let budget = multiplyAdds;
  const rowCost = 2 * data.start.length;
  const blockRows = Math.max(1, Math.min(blockMaxRows, Math.floor(blockMaxMultiplyAdds / rowCost)));
  while (budget > 0 && !isFitted(data, state)) {
    const rows = Math.min(data.train.rows - state.row, blockRows);
    const weights = rowWeights(data, state);
    state = overRows(data, state, rows, weights);
    budget -= rows * rowCost + blockOverheadMultiplyAdds;
    if (state.row === data.train.rows) state = nextIteration(data, state, weights);
  }
  return state;
}

function overRows(data: FitData, state: FitState, rows: number, allWeights: Float32Array): FitState {
  const { train, classes, start } = data;
  const { row } = state;
  const width = start.length / classes;
  const targets = new Float32Array(rows * classes);
  for (let i = 0; i < rows; i++) setTarget(targets, i * classes, train.labels[row + i] as Label);
  const inputs = train.inputs.subarray(row * width, (row + rows) * width);
  const weights = allWeights.subarray(row, row + rows);
  const head = scaled(state.head.weights, classes, 1 / state.unit);
  const fold = scaled(softmaxGradient(head, { rows, inputs, targets, weights }, classes), classes, 1 / state.unit);
  return { ...state, gradient: state.gradient.map((sum, i) => sum + (fold[i] as number)), row: row + rows };
}

// Rows of the fold that is left out have no weight.
function rowWeights(data: FitData, state: FitState): Float32Array {
  const { left } = fitAt(data, state);
  const { weights, folds } = data.train;
  return left === null ? weights : weights.map((weight, row) => (folds[row] === left ? 0 : weight));
}

function nextIteration(data: FitData, state: FitState, rowWeights: Float32Array): FitState {
  const mass = rowWeights.reduce((sum, weight) => sum + weight, 0);
  const { classes } = data;
  const start = scaled(data.start, classes, state.unit);
  const { pull, left } = fitAt(data, state);
  // If every row is in the fold that is left out, the head stays at its start.
  const head =
    mass > 0
      ? softmaxStep(state.head, state.gradient, mass, start, pull / mass)
      : { ...state.head, iteration: state.head.iteration + 1 };
  const next = { ...state, head, gradient: new Float32Array(data.start.length), row: 0 };
  if (head.iteration < softmaxSettings.iterations) return next;
  const finished = { ...next, done: state.done + 1, head: startSoftmax(start) };
  const weights = scaled(head.weights, classes, 1 / state.unit);
  if (data.crossFits) return left === null ? withAll(finished, weights) : withFold(data, finished, { weights, pull });
  if (left !== null) return { ...finished, crossFitted: [...state.crossFitted, weights] };
  const validationLogLoss = validationLoss(data, weights);
  const isBest = state.best === null || validationLogLoss < state.best.validationLogLoss;
  return { ...finished, best: isBest ? { weights, pull, validationLogLoss } : state.best };
}

/** Adds a head that has left a fold out. With the last fold of a pull, keeps the better pull. */
function withFold(
  data: FitData,
  state: FitState,
  { weights, pull }: { weights: Float32Array; pull: number },
): FitState {
  const crossFitted = [...state.crossFitted, weights];
  const fitted = crossFitted.length;
  const isJudged = fitted === crossFitFolds || fitted === earlyFolds;
  if (!isJudged) return { ...state, crossFitted };
  const validationLogLoss = crossFittedLoss(data, crossFitted);
  const best = state.bestCrossFitted;
  const isWorse = best && validationLogLoss >= crossFittedLoss(data, best.slice(0, fitted));
  // Pulls are tried in ascending order: stronger ones are taken to be worse still.
  if (isWorse) return { ...state, crossFitted: [], done: candidates * crossFitFolds };
  if (fitted < crossFitFolds) return { ...state, crossFitted };
  const found = { weights: new Float32Array(), pull, validationLogLoss };
  return { ...state, crossFitted: [], best: found, bestCrossFitted: crossFitted };
}

/** Ends a fit that cross-fits with the head of all rows. */
function withAll({ bestCrossFitted = [], best, ...state }: FitState, weights: Float32Array): FitState {
  return { ...state, best: best && { ...best, weights }, crossFitted: bestCrossFitted };
}

function crossFittedLoss({ train, classes }: FitData, heads: readonly Float32Array[]): number {
  const judging = train.folds.flatMap((fold, row) => (heads[fold] && train.mayJudge?.[row] !== false ? [row] : []));
  const scores = judging.map((row) => {
    return softmax(logitsOfRow(train.inputs, row, heads[train.folds[row] as number] as Float32Array, classes), 1);
  });
  return logLossOf(
    scores,
    judging.map((row) => train.labels[row] as Label),
  );
}

function validationLoss({ validation, classes }: FitData, weights: Float32Array): number {
  const scores = rowLogits(validation, weights, classes).map((logits) => softmax(logits, 1));
  return logLossOf(scores, validation.labels);
}

/** Computes the logits of every row, each [classes], by a head [width + 1, classes] whose last row is the bias. */
export function rowLogits({ rows, inputs }: LabelledRows, weights: Float32Array, classes: number): Float64Array[] {
  return Array.from({ length: rows }, (_, row) => logitsOfRow(inputs, row, weights, classes));
}

/** Computes the logits [classes] of one row. */
export function logitsOfRow(inputs: Float32Array, row: number, weights: Float32Array, classes: number): Float64Array {
  const width = weights.length / classes;
  const logits = new Float64Array(classes);
  for (let i = 0; i < width; i++) {
    const value = inputs[row * width + i] as number;
    for (let c = 0; c < classes; c++) {
      logits[c] = (logits[c] as number) + value * (weights[i * classes + c] as number);
    }
  }
  return logits;
}
