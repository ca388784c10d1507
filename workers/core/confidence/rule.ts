import type { Rule } from "../contract/index.ts";
import { argMax } from "../head/head.ts";
import { lossOf } from "../head/metrics.ts";
import { own } from "../own.ts";
import type { Prediction } from "./class-risk.ts";

/** An answer whose label is known. */
export interface GradedAnswer {
  confidence: number;
  right: boolean;
}

/** A graded answer with what was predicted and what was right. */
export interface ScoredAnswer extends GradedAnswer, Prediction {
  /** −ln of the score of the right class. */
  loss?: number;
}

/** A scored answer with its group key. Answers of one group are not independent. */
export interface GroupedAnswer extends ScoredAnswer {
  group: string;
}

const gridSize = 20;
/** A threshold above every confidence: nothing is accepted. */
export const acceptNothing = 1.01;

/** Tells whether a calibrated confidence reaches the rule's threshold and, if there is one, the threshold of the label. */
export function accepts(rule: Pick<Rule, "threshold" | "perClass">, confidence: number, label?: string): boolean {
  const ofLabel = label === undefined || !rule.perClass ? undefined : own(rule.perClass, label);
  return confidence >= Math.max(rule.threshold, ofLabel?.threshold ?? 0);
}

/** Grades the prediction of a head's scores by the known label. */
export function gradeAnswer(scores: ArrayLike<number>, label: number): GradedAnswer {
  const predicted = argMax(scores);
  return { confidence: scores[predicted] as number, right: predicted === label };
}

/** Grades the prediction of a head's scores, and keeps what was predicted, the label and the log-loss. */
export function scoreAnswer(scores: ArrayLike<number>, label: number): ScoredAnswer {
  return { ...gradeAnswer(scores, label), predicted: argMax(scores), label, loss: lossOf(scores, label) };
}

/** Builds the fixed grid of thresholds, strictest first, from equally spaced quantiles of validation's confidences. */
export function thresholdGrid(validation: readonly GradedAnswer[]): number[] {
  const sorted = validation.map((question) => question.confidence).sort((a, b) => b - a);
  const steps = Array.from({ length: gridSize }, (_, i) => Math.ceil(((i + 1) / gridSize) * sorted.length) - 1);
  return [...new Set(steps.filter((step) => step >= 0).map((step) => sorted[step] as number))];
}

/** Finds the laxest threshold of the grid with a validation error of at most the target: a starting point, uncertified. */
export function validationThreshold(
  grid: readonly number[],
  validation: readonly GradedAnswer[],
  targetRisk: number,
): number {
  let threshold = acceptNothing;
  for (const candidate of grid) {
    const accepted = validation.filter((question) => question.confidence >= candidate);
    const errors = accepted.filter((question) => !question.right).length;
    if (errors <= targetRisk * accepted.length) threshold = candidate;
  }
  return threshold;
}
