import type { ComparedQuestion } from "#core/confidence/gate.ts";
import type { GradedAnswer } from "#core/confidence/rule.ts";
import { trainFolds } from "#core/confidence/splits.ts";
import type { ClassifyManifest, HeadComparison } from "#core/contract/index.ts";
import { applyCalibration, calibrate, type ScoreCalibration } from "#core/head/calibration.ts";
import type { HeadWeights } from "#core/head/head.ts";
import { scoresOf, softmax } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import { logLossOf, lossOf } from "#core/head/metrics.ts";
import { fitMix, type Mix, type MixRows, mixHeads } from "#core/head/mix.ts";
import { foldsOf, logitsOfRow, rowLogits } from "#core/head/softmax-fit.ts";
import type { TemperaturePrior } from "#core/head/temperature.ts";
import type { RunData, SampleRows } from "./data.ts";

const judgeSliceMultiplyAdds = 2_000_000;
/** Logits of each head that a mixture is fitted on at most, in memory at once. */
const mixMaxLogits = 1_000_000;
/** Squared classes, over all rows, of one calibration where the run cross-fits: it takes as many steps for each round. */
const calibrateMaxSquares = 6_000_000;
/** So many of them that the calibration of each fold is a slice of its own. */
const calibrateSquares = 20_000;

/** A candidate head over everything that trains, and for each fold the head that leaves it out. */
export interface Candidate {
  /** `trusted`: analytic, from trusted labels and those of the origin alone. */
  kind: "analytic" | "softmax" | "trusted";
  weights: Float32Array;
  crossFitted: Float32Array[];
  /** Its hyperparameters, for the report. */
  settings: Record<string, number>;
}

/** A candidate as it would serve: calibrated, and mixed with the global head where the policy says so. */
export interface ServableCandidate {
  kind: Candidate["kind"] | "global";
  settings: Record<string, number>;
  calibration: ScoreCalibration;
  /** Null where the candidate is not mixed with the global head. */
  mix: Mix | null;
  /** The head [width + 1, classes], at temperature 1. */
  head: Float32Array;
  /** The same head for each fold, by a fit that left the fold out. */
  crossFitted: Float32Array[];
  /** On validation; where the run cross-fits, on the rows that judge, each by the head that left it out. */
  validationLogLoss: number;
}

/** The head in use: the region's own, or the global one. */
export interface CurrentHead {
  /** The region's head; null for the global one. */
  own: HeadWeights | null;
  /** The last sample that the head has learned from; 0 for the global one. */
  lastSample: number;
  /** Trusted labels of the region that it has learned from. */
  labels: number;
  /** Whether it has learned from the samples of all splits up to there, rather than from those of `train`. */
  crossFits: boolean;
  /** Of a head that has learned from all splits: for each fold the head that left it out. Empty where they are not known. */
  crossFitted: Float32Array[];
}

/** A head that has learned from nothing in this region. */
export const untaught = { lastSample: 0, labels: 0, crossFits: false, crossFitted: [] } satisfies Omit<
  CurrentHead,
  "own"
>;

/** A held-out question, also scored by the global head. */
export interface ComparedRow extends ComparedQuestion {
  globalLoss: number;
  global: GradedAnswer;
}

/** Compares the global head with the head that serves the region after the run, on questions that neither learned from. */
export function comparisonOf(compared: readonly ComparedRow[], isPromoted: boolean): HeadComparison | null {
  const questions = compared.length;
  if (questions === 0) return null;
  const mean = (of: (row: ComparedRow) => number) => compared.reduce((sum, row) => sum + of(row), 0) / questions;
  const serving = isPromoted ? "candidate" : "current";
  return {
    questions,
    global: { accuracy: mean(({ global }) => Number(global.right)), logLoss: mean(({ globalLoss }) => globalLoss) },
    regional: { accuracy: mean((row) => Number(row[serving].right)), logLoss: mean((row) => row[`${serving}Loss`]) },
  };
}

// A one-hot regression gives shares between 0 and 1: about 1/8 of a logit's scale, which validation has to find.
const calibrationPriors: Record<Candidate["kind"], TemperaturePrior> = {
  analytic: { centre: 0.2, deviation: 1 },
  trusted: { centre: 0.2, deviation: 1 },
  softmax: {},
};

const uncalibrated = (classes: number, temperature = 1): ScoreCalibration => ({
  temperature,
  bias: new Float64Array(classes),
});

/**
 * Calibrates a candidate on `validation`. Where the run cross-fits: on the rows that judge, each by the head that left it out; the
 * head that left a fold out is calibrated without that fold, so that no row calibrates the head that judges it; penalty and mixing
 * weight are chosen on all rows. In bounded steps.
 */
export function* calibrateOn(
  data: RunData,
  { kind, settings, weights, crossFitted }: Candidate,
  { policy }: ClassifyManifest,
): Generator<void, ServableCandidate> {
  const { train, validation, classes, crossFits } = data;
  const prior = calibrationPriors[kind];
  const isCalibrated = policy.learning.includes("calibration");
  let calibration = uncalibrated(classes, prior.centre);
  let ofFolds = crossFitted.map(() => calibration);
  if (isCalibrated && crossFits) {
    const rows = judgingRows(train).slice(-Math.max(1, Math.floor(calibrateMaxSquares / classes ** 2)));
    const logits = yield* heldOutLogits(data, rows, crossFitted);
    const on = (chosen: readonly number[]) =>
      calibrate(
        chosen.map((i) => logits[i] as Float64Array),
        chosen.map((i) => train.labels[rows[i] as number] as Label),
        prior,
      );
    const isSlow = rows.length * classes ** 2 > calibrateSquares;
    calibration = on(rows.map((_, i) => i));
    ofFolds = [];
    for (const fold of crossFitted.keys()) {
      if (isSlow) yield;
      ofFolds.push(on(rows.flatMap((row, i) => (train.folds[row] === fold ? [] : [i]))));
    }
  } else if (isCalibrated) {
    calibration = calibrate(rowLogits(validation, weights, classes), validation.labels, prior);
    ofFolds = crossFitted.map(() => calibration);
  }
  const calibrated = {
    head: applyCalibration(weights, calibration),
    crossFitted: crossFitted.map((one, fold) => applyCalibration(one, ofFolds[fold] as ScoreCalibration)),
  };
  const validationLogLoss = yield* validationLogLossOf(data, calibrated);
  return { ...{ kind, settings, calibration, mix: null }, ...calibrated, validationLogLoss };
}

/** The rows of `train` that may judge. */
function judgingRows({ mayJudge }: SampleRows): number[] {
  return mayJudge.flatMap((may, row) => (may ? [row] : []));
}

/** Returns the logits of rows of `train`, each by the head that left it out, in bounded steps. */
function* heldOutLogits(
  { train, classes, start }: RunData,
  rows: readonly number[],
  crossFitted: readonly Float32Array[],
): Generator<void, Float64Array[]> {
  const perSlice = Math.max(1, Math.floor(judgeSliceMultiplyAdds / start.length));
  const logits: Float64Array[] = [];
  for (const row of rows) {
    logits.push(logitsOfRow(train.inputs, row, crossFitted[train.folds[row] as number] as Float32Array, classes));
    if (logits.length % perSlice === 0) yield;
  }
  return logits;
}

/**
 * Returns the scores of the rows that a head is judged on, and their labels, in bounded steps: of `validation`, or where the run
 * cross-fits of `train`, each by the head that left it out.
 */
export function* heldOutScores(
  data: RunData,
  { head, crossFitted }: Pick<ServableCandidate, "head" | "crossFitted">,
): Generator<void, { scores: Float64Array[]; labels: Label[] }> {
  const { train, validation, classes, crossFits } = data;
  if (!crossFits) {
    const scores = rowLogits(validation, head, classes).map((logits) => softmax(logits, 1));
    return { scores, labels: validation.labels };
  }
  const rows = judgingRows(train);
  const byFold = Array.from({ length: foldsOf(data) }, (_, fold) => crossFitted[fold] ?? head);
  const logits = yield* heldOutLogits(data, rows, byFold);
  return { scores: logits.map((row) => softmax(row, 1)), labels: rows.map((row) => train.labels[row] as Label) };
}

/**
 * Mixes a calibrated candidate with the global head, in bounded steps. Its weight is fitted on all of `validation` and on
 * `train`, each row of which is scored by the head that left it out. Most of the rows are of `train`, so a calibration that
 * fits the few rows of `validation` too well gains little weight.
 */
export function* mixWithGlobal(data: RunData, candidate: ServableCandidate): Generator<void, ServableCandidate> {
  const mix = fitMix(yield* mixRowsOf(data, candidate));
  yield;
  const mixed = (head: Float32Array) => mixHeads(head, data.start, mix.weight);
  const heads = { head: mixed(candidate.head), crossFitted: candidate.crossFitted.map(mixed) };
  return { ...candidate, ...heads, mix, validationLogLoss: yield* validationLogLossOf(data, heads) };
}

function* mixRowsOf(
  { train, validation, classes, start }: RunData,
  { head, crossFitted }: ServableCandidate,
): Generator<void, MixRows> {
  const all = [
    ...judgingRows(train).map((row) => ({
      rows: train,
      row,
      by: crossFitted[train.folds[row] as number] as Float32Array,
    })),
    ...validation.labels.map((_, row) => ({ rows: validation, row, by: head })),
  ];
  // With many classes, without the oldest rows of train.
  const chosen = all.slice(-Math.max(1, Math.floor(mixMaxLogits / classes)));
  const perSlice = Math.max(1, Math.floor(judgeSliceMultiplyAdds / (2 * start.length)));
  const global: Float64Array[] = [];
  const regional: Float64Array[] = [];
  for (const { rows, row, by } of chosen) {
    global.push(logitsOfRow(rows.inputs, row, start, classes));
    regional.push(logitsOfRow(rows.inputs, row, by, classes));
    if (global.length % perSlice === 0) yield;
  }
  return {
    labels: chosen.map(({ rows, row }) => rows.labels[row] as Label),
    groupKeys: chosen.map(({ rows, row }) => rows.groupKeys[row] as string),
    global,
    regional,
  };
}

/** The global head as a candidate. */
export function* globalCandidate(data: RunData): Generator<void, ServableCandidate> {
  const heads = { head: data.start, crossFitted: [] };
  return {
    ...{ kind: "global", settings: {}, mix: null, ...heads },
    calibration: uncalibrated(data.classes),
    validationLogLoss: yield* validationLogLossOf(data, heads),
  };
}

/** Returns the head in use; a region's head that equals the global one counts as global, and has learned from nothing. */
export function resolveCurrent(current: CurrentHead, start: Float32Array): CurrentHead {
  const { own } = current;
  if (own?.temperature !== 1) return current;
  const isGlobal =
    own.weights.every((weight, i) => weight === start[i]) &&
    own.bias.every((weight, i) => weight === start[own.weights.length + i]);
  return isGlobal ? { own: null, ...untaught } : current;
}

/**
 * Scores every row by both heads that neither has learned from, a bounded number at a time: of `validation` by the candidate's
 * head, of `train` by the head that left the row out. Where both heads have learned from all splits, rows that the current head
 * has learned from are scored by its own head that left them out.
 */
export function* compareHeads(
  data: RunData,
  candidate: ServableCandidate,
  current: CurrentHead,
): Generator<void, ComparedRow[]> {
  const { train, validation, classes, start, task } = data;
  const width = start.length / classes;
  const compared: ComparedRow[] = [];
  const perSlice = Math.max(1, Math.floor(judgeSliceMultiplyAdds / (3 * start.length)));
  const compare = (rows: SampleRows, row: number, head: Float32Array) => {
    const scoresBy = (by: Float32Array) => softmax(logitsOfRow(rows.inputs, row, by, classes), 1);
    const label = rows.labels[row] as Label;
    const fold = rows.folds[row] as number;
    const hasLearned = (rows.numbers[row] as number) <= current.lastSample && (current.crossFits || fold < trainFolds);
    const heldOut = data.crossFits ? current.crossFitted[fold] : undefined;
    if (hasLearned && !heldOut) return;
    const next = scoresBy(head);
    const global = scoresBy(start);
    const own = () => (current.own ? scoresOf(current.own, rows.inputs, row * width) : global);
    const before = hasLearned && heldOut ? scoresBy(heldOut) : own();
    compared.push({
      cluster: rows.groupKeys[row] as string,
      currentLoss: lossOf(before, label),
      candidateLoss: lossOf(next, label),
      // Each head's own reading of numbers keeps the order of its answers, which is all that is compared.
      current: task.grade(before, label),
      candidate: task.grade(next, label),
      globalLoss: lossOf(global, label),
      global: task.grade(global, label),
    });
  };
  for (let row = 0; row < validation.rows; row++) {
    compare(validation, row, candidate.head);
    if ((row + 1) % perSlice === 0) yield;
  }
  for (const [i, row] of judgingRows(train).entries()) {
    compare(train, row, candidate.crossFitted[train.folds[row] as number] as Float32Array);
    if ((i + 1) % perSlice === 0) yield;
  }
  return compared;
}

function* validationLogLossOf(
  data: RunData,
  heads: Pick<ServableCandidate, "head" | "crossFitted">,
): Generator<void, number> {
  const { scores, labels } = yield* heldOutScores(data, heads);
  return logLossOf(scores, labels);
}
