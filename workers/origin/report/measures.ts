import type { GradedAnswer } from "#core/confidence/rule.ts";
import { argMax } from "#core/head/head.ts";
import { confusionOf as countConfusion } from "#core/head/metrics.ts";

/** The confusion matrix: counts[truth][prediction]. */
export interface Confusion {
  labels: string[];
  counts: number[][];
}

/** Counts the predictions for each true class. */
export function confusionOf(
  labels: readonly string[],
  scores: readonly ArrayLike<number>[],
  truths: readonly number[],
): Confusion {
  const predicted = truths.map((_, i) => argMax(scores[i] as ArrayLike<number>));
  return { labels: [...labels], counts: countConfusion(predicted, truths, labels.length) };
}

/** Recall and precision of a class; null where it has no rows or no predictions. */
export interface ClassMeasures {
  label: string;
  n: number;
  recall: number | null;
  precision: number | null;
}

/** Computes recall and precision of every class. */
export function classMeasures({ labels, counts }: Confusion): ClassMeasures[] {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return labels.map((label, i) => {
    const right = counts[i]?.[i] as number;
    const n = sum(counts[i] as number[]);
    const predicted = sum(counts.map((row) => row[i] as number));
    return { label, n, recall: n === 0 ? null : right / n, precision: predicted === 0 ? null : right / predicted };
  });
}

/** Accuracy by confidence. */
export interface ReliabilityCurve {
  bins: { confidence: number; accuracy: number; n: number }[];
  /** Expected calibration error: the mean distance of a bin's accuracy from its confidence, weighted by rows. */
  expectedError: number;
}

const binCount = 15;

/** Computes the reliability in equal bins of confidence (Guo et al., arXiv 1706.04599, equation 3). */
export function reliabilityOf(answers: readonly GradedAnswer[]): ReliabilityCurve {
  const sums = Array.from({ length: binCount }, () => ({ confidence: 0, right: 0, n: 0 }));
  for (const { confidence, right } of answers) {
    const bin = sums[Math.min(binCount - 1, Math.floor(confidence * binCount))] as (typeof sums)[number];
    bin.confidence += confidence;
    bin.right += right ? 1 : 0;
    bin.n++;
  }
  const bins = sums
    .filter(({ n }) => n > 0)
    .map(({ confidence, right, n }) => ({ confidence: confidence / n, accuracy: right / n, n }));
  const distance = bins.reduce((sum, { confidence, accuracy, n }) => sum + n * Math.abs(accuracy - confidence), 0);
  return { bins, expectedError: answers.length === 0 ? 0 : distance / answers.length };
}

/** The error rate among the most confident share of answers. */
export interface RiskPoint {
  coverage: number;
  risk: number;
}

const riskPoints = 100;

/** Computes risk by coverage (Geifman & El-Yaniv, arXiv 1705.08500). */
export function riskCurve(answers: readonly GradedAnswer[]): RiskPoint[] {
  const judged = answers.toSorted((a, b) => b.confidence - a.confidence);
  let errors = 0;
  const risks = judged.map(({ right }, i) => {
    errors += right ? 0 : 1;
    return errors / (i + 1);
  });
  const step = Math.max(1, Math.floor(judged.length / riskPoints));
  return risks
    .map((risk, i) => ({ coverage: (i + 1) / risks.length, risk }))
    .filter((_, i) => (i + 1) % step === 0 || i === risks.length - 1);
}
