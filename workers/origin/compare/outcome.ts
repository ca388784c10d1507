import type { NumberTask, Reading } from "#core/contract/index.ts";
import { withinText } from "#core/format.ts";
import { type Label, numberIn } from "#core/head/label.ts";
import { evaluate, lossOf, rareClassPrecision } from "#core/head/metrics.ts";
import { isWithin, type PredictedNumber, readNumber } from "#core/regress/read.ts";

/** How well a model did on some rows. */
export interface Outcome {
  /** Of each row: of labels −ln of the right one's score, of numbers the absolute error. */
  losses: Float64Array;
  /** Other figures by name; null for one that is not defined. */
  figures: Record<string, number | null>;
}

/** Judges scores by the known labels: classes, or numbers in bins. */
export function outcomeOf(
  scores: readonly Float64Array[],
  labels: readonly Label[],
  number: { task: NumberTask; reading: Reading } | null,
): Outcome {
  if (number) {
    const { task, reading } = number;
    return outcomeOfNumbers(
      scores.map((row) => readNumber(task, reading, row)),
      labels.map(numberIn),
      task,
    );
  }
  const classes = labels as readonly number[];
  const { auc, accuracy } = evaluate(scores, classes);
  const isBinary = scores[0]?.length === 2;
  return {
    losses: Float64Array.from(scores, (row, i) => lossOf(row, classes[i] as number)),
    figures: { ...(isBinary ? { AUC: auc, "PR-AUC": rareClassPrecision(scores, classes) } : {}), accuracy },
  };
}

/** Judges predicted numbers by the true ones. */
export function outcomeOfNumbers(
  predicted: readonly Omit<PredictedNumber, "confidence">[],
  truths: readonly number[],
  number: NumberTask,
): Outcome {
  const { tolerance, coverage } = number;
  const share = (of: (one: Omit<PredictedNumber, "confidence">, truth: number) => boolean) =>
    predicted.filter((one, i) => of(one, truths[i] as number)).length / predicted.length;
  const squares = predicted.reduce((sum, { mean }, i) => sum + (mean - (truths[i] as number)) ** 2, 0);
  const hasIntervals = predicted.every(({ interval }) => interval !== null);
  const covers = ({ interval }: (typeof predicted)[number], truth: number) =>
    interval !== null && interval[0] <= truth && truth <= interval[1];
  return {
    losses: Float64Array.from(predicted, ({ value }, i) => Math.abs(value - (truths[i] as number))),
    figures: {
      RMSE: Math.sqrt(squares / predicted.length),
      [withinText(number)]: share(({ value }, truth) => isWithin(value, truth, tolerance)),
      [`${100 * coverage}% interval covers`]: hasIntervals ? share(covers) : null,
    },
  };
}
