// The accept rule of a version that has no labels of its own, only what the rung above answered.
import type { ClassifyManifest } from "../contract/index.ts";
import { acceptNothing } from "./rule.ts";

/** Tells whether a version has no rows of its own: it learns from the answers of the rung above, until labels come. */
export function learnsFromAbove({ policy, trainedOn }: Pick<ClassifyManifest, "policy" | "trainedOn">): boolean {
  return policy.originLabelWeight > 0 && (trainedOn.sources.base ?? 0) === 0;
}

/** A held-out answer of thin. */
export interface PredictedAnswer {
  /** Its calibrated confidence. */
  confidence: number;
  /** 0 or 1 where its label is known; else 1 minus the calibrated probability that the rung above gives to its label. */
  error: number;
  /** The probability with which the question got a label or an answer from above. */
  inclusionProbability: number;
}

/** The part of the target that the predicted error may take: the rest is for what a choice among thresholds overstates. */
const spendable = 0.8;
/** With fewer held-out answers nothing is accepted. */
const leastAnswers = 30;

/**
 * Chooses the laxest threshold whose predicted error, and one standard error, is at most 80% of the target. The predicted
 * error is the mean over held-out answers above the threshold, each weighted by 1 / inclusion probability (Hájek), as what
 * the edge has accepted is seen in audits only. Its variance is that of the weighted mean and one more error, so that few
 * answers without an error prove little. It is a prediction and no bound: a certificate takes labels.
 *
 * Simulated on BANKING77 without labels (13,083 questions, 3% audited, a rung above that is right on 90.8%), three orders: 2.3
 * to 3.2% errors among accepted answers at a target of 5%, where 35 to 42% of the questions went up. Without the standard error
 * it was 5.3%.
 */
export function predictedThreshold(
  held: readonly PredictedAnswer[],
  targetRisk: number,
): { threshold: number; predicted: number | null } {
  const answers = [...held].sort((a, b) => b.confidence - a.confidence);
  let best: { threshold: number; predicted: number | null } = { threshold: acceptNothing, predicted: null };
  let [weight, squares, errors, errorSquares, errorProducts] = [0, 0, 0, 0, 0];
  for (const [i, { confidence, error, inclusionProbability }] of answers.entries()) {
    const own = 1 / inclusionProbability;
    weight += own;
    squares += own * own;
    errors += own * error;
    errorProducts += own * own * error;
    errorSquares += own * own * error * error;
    if (i + 1 < leastAnswers || answers[i + 1]?.confidence === confidence) continue;
    const mean = errors / weight;
    const spread = Math.max(0, errorSquares - 2 * mean * errorProducts + mean * mean * squares);
    // One more error, of the weight that a unit of the weighted mean has.
    const deviation = Math.sqrt(spread + (squares / weight) ** 2) / weight;
    if (mean + deviation <= spendable * targetRisk) best = { threshold: confidence, predicted: mean };
  }
  return best;
}
