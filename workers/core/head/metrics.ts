import type { Confusion, Metrics } from "../contract/index.ts";
import { argMax } from "./head.ts";
import { type Label, labelShares, meanUnder } from "./label.ts";

type Scores = ArrayLike<number>;

// The least probability in a log-loss: one mistake at full confidence must not be infinite.
const floor = 1e-7;

/** Computes −ln of the score of the right class; of a soft label, its mean over the classes: the cross-entropy. */
export function lossOf(scores: Scores, label: Label): number {
  if (typeof label === "number") return -Math.log(Math.max(scores[label] as number, floor));
  const { first, shares } = label;
  let sum = 0;
  for (let i = 0; i < shares.length; i++) {
    sum -= (shares[i] as number) * Math.log(Math.max(scores[first + i] as number, floor));
  }
  return sum / labelShares;
}

/** Computes the mean log-loss of scores. */
export function logLossOf(scores: readonly Scores[], labels: readonly Label[]): number {
  return scores.reduce((sum, row, i) => sum + lossOf(row, labels[i] as Label), 0) / scores.length;
}

/**
 * Computes the mean log-loss of softmax(logits / temperature + bias) without building the scores: a fit calls it tens of
 * times over thousands of rows.
 */
export function calibratedLogLoss(
  logits: readonly Float64Array[],
  labels: readonly Label[],
  temperature: number,
  bias?: Float64Array,
): number {
  let sum = 0;
  for (const [row, values] of logits.entries()) {
    const label = labels[row] as Label;
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < values.length; c++) top = Math.max(top, (values[c] as number) / temperature + (bias?.[c] ?? 0));
    let total = 0;
    for (let c = 0; c < values.length; c++) {
      total += Math.exp((values[c] as number) / temperature + (bias?.[c] ?? 0) - top);
    }
    const own = meanUnder(label, values) / temperature + (bias ? meanUnder(label, bias) : 0);
    sum += Math.min(-Math.log(floor), top + Math.log(total) - own);
  }
  return sum / logits.length;
}

/**
 * Computes the area under the ROC curve of class 1 against class 0, by ranks with ties shared (Mann-Whitney U).
 * Returns null unless both classes occur.
 */
export function aucOf(scores: readonly number[], positive: readonly boolean[]): number | null {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let positives = 0;
  let rankSum = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && scores[order[end] as number] === scores[order[i] as number]) end++;
    const rank = (i + 1 + end) / 2;
    for (; i < end; i++) {
      if (!positive[order[i] as number]) continue;
      positives++;
      rankSum += rank;
    }
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return null;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * Computes the average precision (the area under the precision-recall curve, in steps): the mean over positives of the
 * precision at their score. Scores that tie are included together. Returns null unless there is a positive.
 */
export function averagePrecisionOf(scores: readonly number[], positive: readonly boolean[]): number | null {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  let positives = 0;
  let sum = 0;
  for (let i = 0; i < order.length; ) {
    const score = scores[order[i] as number];
    const before = positives;
    for (; i < order.length && scores[order[i] as number] === score; i++) if (positive[order[i] as number]) positives++;
    sum += (positives - before) * (positives / i);
  }
  return positives === 0 ? null : sum / positives;
}

/**
 * Computes the average precision for the rarer of two classes, or the second where both are as frequent: that of the majority is
 * high whatever a model says. Null for more classes, and where a class has no rows.
 */
export function rareClassPrecision(scores: readonly ArrayLike<number>[], labels: readonly number[]): number | null {
  if (scores[0]?.length !== 2) return null;
  const seconds = labels.filter((label) => label === 1).length;
  const rare = seconds > labels.length / 2 ? 0 : 1;
  if (seconds === 0 || seconds === labels.length) return null;
  return averagePrecisionOf(
    scores.map((row) => row[rare] as number),
    labels.map((label) => label === rare),
  );
}

/** Counts predictions: one row for each true label, one column for each predicted label. */
export function confusionOf(predicted: readonly number[], labels: readonly number[], classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const [i, label] of labels.entries()) {
    const row = counts[label] as number[];
    const column = predicted[i] as number;
    row[column] = (row[column] as number) + 1;
  }
  return counts;
}

/** Counts predictions like `confusionOf`, as true label, predicted label and count, without zeros. */
export function sparseConfusionOf(predicted: readonly number[], labels: readonly number[]): Confusion {
  const counts = new Map<string, [number, number, number]>();
  for (const [i, label] of labels.entries()) {
    const pair = predicted[i] as number;
    const known = counts.get(`${label} ${pair}`);
    if (known) known[2]++;
    else counts.set(`${label} ${pair}`, [label, pair, 1]);
  }
  return [...counts.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

/** Computes the mean over the labels that occur of the share of their questions that are predicted right; null for no question. */
export function balancedAccuracyOf(confusion: readonly (readonly number[])[]): number | null {
  const recalls = confusion.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return total > 0 ? [(row[label] as number) / total] : [];
  });
  return recalls.length > 0 ? recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length : null;
}

/**
 * Computes the largest share of questions, most confident first, whose error is at most `risk`.
 * Questions of equal confidence are included together, as by a threshold.
 */
export function coverageAt(confidences: readonly number[], right: readonly boolean[], risk: number): number {
  const order = confidences.map((_, i) => i).sort((a, b) => (confidences[b] as number) - (confidences[a] as number));
  let errors = 0;
  let covered = 0;
  order.forEach((index, i) => {
    if (!right[index]) errors++;
    const next = order[i + 1];
    const tied = next !== undefined && confidences[next] === confidences[index];
    if (!tied && errors <= risk * (i + 1)) covered = i + 1;
  });
  return order.length === 0 ? 0 : covered / order.length;
}

/** Evaluates scores by every metric that is reported. AUC is for two classes, of the second label. */
export function evaluate(scores: readonly Scores[], labels: readonly number[]): Metrics {
  const predicted = scores.map(argMax);
  const right = predicted.map((label, i) => label === labels[i]);
  const confidences = scores.map((row, i) => row[predicted[i] as number] as number);
  const isBinary = scores[0]?.length === 2;
  return {
    n: scores.length,
    logLoss: logLossOf(scores, labels),
    auc: isBinary
      ? aucOf(
          scores.map((row) => row[1] as number),
          labels.map((label) => label === 1),
        )
      : null,
    accuracy: right.filter(Boolean).length / scores.length,
    coverage: { "0.05": coverageAt(confidences, right, 0.05), "0.10": coverageAt(confidences, right, 0.1) },
  };
}
