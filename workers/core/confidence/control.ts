import type { Verdict } from "./window.ts";

/** A labelled question, under the threshold in force when it was asked. */
export interface ControlLabel {
  accepted: boolean;
  /** Whether the rung's answer was right, or would have been if it had been accepted. */
  right: boolean;
  /** The recorded inclusion probability of this label. */
  inclusionProbability: number;
}

/** How online risk control moves a threshold. */
export interface ControlSettings {
  /** The long-run mean error of accepted questions to aim at. */
  aim: number;
  /** The least confidence that a prediction can have: 1/classes. */
  floor: number;
  /** Above this the threshold counts as closed. Defaults to 1; the confidence that hardly any validation question reaches is better. */
  ceiling?: number;
  /** The least inclusion probability π that the policy can record. */
  minInclusionProbability: number;
  /** The most that one label may move the threshold: η is this times `minInclusionProbability`. Defaults to 0.02. */
  rate?: number;
}

const defaultRate = 0.02;

/**
 * Computes the threshold after one more label: up by η(1 − aim)/π for an accepted error, down by η·aim/π for an accepted
 * right answer. Under any drift the long-run mean error of accepted answers is then the aim, or less at the floor (adaptive
 * conformal inference, arXiv 2106.00170; arXiv 2205.09095). A closed threshold falls for each escalated answer that would
 * have been right; the mean then includes those questions.
 * @example updateThreshold(0.8, { accepted: true, right: false, inclusionProbability: 1 }, { aim: 0.1, floor: 0.5, minInclusionProbability: 1 }) // 0.818
 */
export function updateThreshold(threshold: number, label: ControlLabel, settings: ControlSettings): number {
  const { aim, floor, ceiling = 1, minInclusionProbability, rate = defaultRate } = settings;
  const closed = threshold > ceiling;
  if (!label.accepted && !(closed && label.right)) return threshold;
  // η is scaled for all labels alike. If only long steps were cut, an audited error would count less than the right
  // answers around it, and the mean would settle above the aim.
  const eta = rate * minInclusionProbability;
  const step = (eta * (label.right ? -aim : 1 - aim)) / label.inclusionProbability;
  const highest = ceiling + rate * (1 - aim);
  return Math.min(highest, Math.max(floor, threshold + step));
}

/**
 * Computes the error to aim at so that the target can be certified. The aim lies below the target by the present distance
 * between bound and mean, so it approaches the target as labels arrive; it is never below half of the target.
 * @example aimFor({ mean: 0.06, bound: 0.08 }, 0.1) // 0.08
 */
export function aimFor({ mean, bound }: Pick<Verdict, "mean" | "bound">, targetRisk: number): number {
  if (mean === null) return targetRisk / 2;
  return Math.min(targetRisk, Math.max(targetRisk / 2, targetRisk - (bound - mean)));
}
