import type { ComparedQuestion } from "#core/confidence/gate.ts";
import { type GradedAnswer, gradeAnswer } from "#core/confidence/rule.ts";
import type { ClassifyManifest, HeadComparison } from "#core/contract/index.ts";
import { applyCalibration, calibrate, calibrated, type ScoreCalibration } from "#core/head/calibration.ts";
import type { HeadWeights } from "#core/head/head.ts";
import { scoresOf, softmax } from "#core/head/head.ts";
import { logLossOf, lossOf } from "#core/head/metrics.ts";
import { logitsOfRow, rowLogits } from "#core/head/softmax-fit.ts";
import type { TemperaturePrior } from "#core/head/temperature.ts";
import type { RunData, SampleRows } from "./data.ts";

const judgeSliceMultiplyAdds = 2_000_000;

/** A candidate head over all of `train`, and for each fold the head that leaves it out. */
export interface Candidate {
  kind: "analytic" | "softmax";
  weights: Float32Array;
  crossFitted: Float32Array[];
  /** Its hyperparameters, for the report. */
  settings: Record<string, number>;
}

/** A candidate that was calibrated on `validation`. */
export interface CalibratedCandidate extends Candidate {
  calibration: ScoreCalibration;
  validationLogLoss: number;
  /** The head [width + 1, classes] with its calibration in it. */
  head: Float32Array;
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
  softmax: {},
};

/** Calibrates a candidate on `validation`. */
export function calibrateOn(
  { validation, classes }: RunData,
  candidate: Candidate,
  { policy }: ClassifyManifest,
): CalibratedCandidate {
  const logits = rowLogits(validation, candidate.weights, classes);
  const prior = calibrationPriors[candidate.kind];
  const calibration = policy.learning.includes("calibration")
    ? calibrate(logits, validation.labels, prior)
    : { temperature: prior.centre ?? 1, bias: new Float64Array(classes) };
  const scores = logits.map((row) => calibrated(row, calibration));
  const head = applyCalibration(candidate.weights, calibration);
  return { ...candidate, calibration, head, validationLogLoss: logLossOf(scores, validation.labels) };
}

/**
 * Scores every held-out row by both heads, a bounded number at a time: all of `validation`, and the rows of `train` that the
 * current head has not learned from, each by the cross-fitted head that left it out.
 */
export function* compareHeads(
  data: RunData,
  candidate: CalibratedCandidate,
  current: CurrentHead,
): Generator<void, ComparedRow[]> {
  const { train, validation, classes, start } = data;
  const width = start.length / classes;
  const compared: ComparedRow[] = [];
  const perSlice = Math.max(1, Math.floor(judgeSliceMultiplyAdds / (3 * start.length)));
  const compare = (rows: SampleRows, row: number, weights: Float32Array) => {
    const label = rows.labels[row] as number;
    const next = calibrated(logitsOfRow(rows.inputs, row, weights, classes), candidate.calibration);
    const global = softmax(logitsOfRow(rows.inputs, row, start, classes), 1);
    const before = current.own ? scoresOf(current.own, rows.inputs, row * width) : global;
    compared.push({
      cluster: rows.groupKeys[row] as string,
      currentLoss: lossOf(before, label),
      candidateLoss: lossOf(next, label),
      current: gradeAnswer(before, label),
      candidate: gradeAnswer(next, label),
      globalLoss: lossOf(global, label),
      global: gradeAnswer(global, label),
    });
  };
  for (let row = 0; row < validation.rows; row++) {
    compare(validation, row, candidate.weights);
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
