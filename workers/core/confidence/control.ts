import type { Verdict } from "./window.ts";

/** What turned out about a question under the threshold in force when it was asked. */
export interface ControlLabel {
  accepted: boolean;
  /** Whether the rung's own answer was right, or would have been. */
  right: boolean;
  /** The recorded chance that this label would be had. */
  inclusionProbability: number;
}

export interface ControlSettings {
  /** The mean error of accepted questions to keep to in the long run. */
  aim: number;
  /** The least confidence that the picked class can have: 1/classes. */
  floor: number;
  /** A threshold above this has closed: 1 if not given; better, the confidence that hardly any of validation passes. */
  ceiling?: number;
  /** The least π that the policy can record. */
  minInclusionProbability: number;
  /** How far one label may move the threshold, at most: η is this times `minInclusionProbability`. 0.02 if not given. */
  rate?: number;
}

const defaultRate = 0.02;

/**
 * The threshold after one more label: up by η(1 − aim)/π for an accepted error, down by η·aim/π for an accepted right
 * answer, so that the accepted errors' long-run mean is the aim whatever drifts, or less at the floor (adaptive
 * conformal inference, arXiv 2106.00170; arXiv 2205.09095). Closed, it comes down for each escalated answer that would
 * have been right: those then count among the questions that the mean is over.
 * @example updateThreshold(0.8, { accepted: true, right: false, inclusion probability: 1 }, { aim: 0.1, floor: 0.5, minInclusionProbability: 1 }) // 0.818
 */
export function updateThreshold(threshold: number, label: ControlLabel, settings: ControlSettings): number {
  const { aim, floor, ceiling = 1, minInclusionProbability, rate = defaultRate } = settings;
  const closed = threshold > ceiling;
  if (!label.accepted && !(closed && label.right)) return threshold;
  // η is scaled for all labels alike: were the long steps alone cut short, an audited error would count for less than
  // the right answers beside it, and the mean would settle above the aim.
  const eta = rate * minInclusionProbability;
  const step = (eta * (label.right ? -aim : 1 - aim)) / label.inclusionProbability;
  const highest = ceiling + rate * (1 - aim);
  return Math.min(highest, Math.max(floor, threshold + step));
}

/**
 * What error to aim at so that the target can be certified: the bound lies above the mean by the width of what is
 * not yet known, so the aim lies below the target by as much, and comes to it as labels come; never below half.
 * @example aimFor({ mean: 0.06, bound: 0.08 }, 0.1) // 0.08
 */
export function aimFor({ mean, bound }: Pick<Verdict, "mean" | "bound">, targetRisk: number): number {
  if (mean === null) return targetRisk / 2;
  return Math.min(targetRisk, Math.max(targetRisk / 2, targetRisk - (bound - mean)));
}
