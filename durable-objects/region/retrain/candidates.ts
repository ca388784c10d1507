import type { ComparedQuestion } from "#core/confidence/gate.ts";
import type { GradedAnswer } from "#core/confidence/rule.ts";
import type { ClassifyManifest, HeadComparison } from "#core/contract/index.ts";
import { applyCalibration, calibrate, type ScoreCalibration } from "#core/head/calibration.ts";
import type { HeadWeights } from "#core/head/head.ts";
import { scoresOf, softmax } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import { logLossOf, lossOf } from "#core/head/metrics.ts";
import { fitMix, type Mix, type MixRows, mixHeads } from "#core/head/mix.ts";
import { logitsOfRow, rowLogits } from "#core/head/softmax-fit.ts";
import type { TemperaturePrior } from "#core/head/temperature.ts";
import type { RunData, SampleRows } from "./data.ts";

const judgeSliceMultiplyAdds = 2_000_000;
/** Logits of each head that a mixture is fitted on at most, in memory at once. */
const mixMaxLogits = 1_000_000;

/** A candidate head over all of `train`, and for each fold the head that leaves it out. */
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
  /** The same head for each fold of `train`, by a fit that left the fold out. */
  crossFitted: Float32Array[];
  validationLogLoss: number;
}

/** The head in use: the region's own, or the global one. */
export interface CurrentHead {
  /** The region's head; null for the global one. */
  own: HeadWeights | null;
  /** The last sample that the head has learned from; 0 for the global one. */
  lastSample: number;
}

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

/** Calibrates a candidate on `validation`. */
export function calibrateOn(
  { validation, classes }: RunData,
  { kind, settings, weights, crossFitted }: Candidate,
  { policy }: ClassifyManifest,
): ServableCandidate {
  const prior = calibrationPriors[kind];
  const calibration = policy.learning.includes("calibration")
    ? calibrate(rowLogits(validation, weights, classes), validation.labels, prior)
    : uncalibrated(classes, prior.centre);
  const head = applyCalibration(weights, calibration);
  return {
    ...{ kind, settings, calibration, mix: null, head },
    crossFitted: crossFitted.map((one) => applyCalibration(one, calibration)),
    validationLogLoss: validationLogLossOf({ validation, classes }, head),
  };
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
  const head = mixed(candidate.head);
  return {
    ...{ ...candidate, mix, head, crossFitted: candidate.crossFitted.map(mixed) },
    validationLogLoss: validationLogLossOf(data, head),
  };
}

function* mixRowsOf(
  { train, validation, classes, start }: RunData,
  { head, crossFitted }: ServableCandidate,
): Generator<void, MixRows> {
  const mayJudge = train.mayJudge.flatMap((may, row) => (may ? [row] : []));
  const all = [
    ...mayJudge.map((row) => ({ rows: train, row, by: crossFitted[train.folds[row] as number] as Float32Array })),
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
export function globalCandidate(data: RunData): ServableCandidate {
  return {
    ...{ kind: "global", settings: {}, mix: null, head: data.start, crossFitted: [] },
    calibration: uncalibrated(data.classes),
    validationLogLoss: validationLogLossOf(data, data.start),
  };
}

/** Returns the head in use; a region's head that equals the global one counts as global, and has learned from nothing. */
export function resolveCurrent(current: CurrentHead, start: Float32Array): CurrentHead {
  const { own } = current;
  if (own?.temperature !== 1) return current;
  const isGlobal =
    own.weights.every((weight, i) => weight === start[i]) &&
    own.bias.every((weight, i) => weight === start[own.weights.length + i]);
  return isGlobal ? { own: null, lastSample: 0 } : current;
}

/**
 * Scores every held-out row by both heads, a bounded number at a time: all of `validation`, and the rows of `train` that the
 * current head has not learned from, each by the cross-fitted head that left it out.
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
    const label = rows.labels[row] as Label;
    const next = softmax(logitsOfRow(rows.inputs, row, head, classes), 1);
    const global = softmax(logitsOfRow(rows.inputs, row, start, classes), 1);
    const before = current.own ? scoresOf(current.own, rows.inputs, row * width) : global;
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
    if (compared.length % perSlice === 0) yield;
  }
  for (let row = 0; row < train.rows; row++) {
    const isUnseen = (train.numbers[row] as number) > current.lastSample && train.mayJudge[row];
    if (!isUnseen) continue;
    compare(train, row, candidate.crossFitted[train.folds[row] as number] as Float32Array);
    if (compared.length % perSlice === 0) yield;
  }
  return compared;
}

function validationLogLossOf({ validation, classes }: Pick<RunData, "validation" | "classes">, head: Float32Array) {
  const scores = rowLogits(validation, head, classes).map((logits) => softmax(logits, 1));
  return logLossOf(scores, validation.labels);
}
