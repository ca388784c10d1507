import type { Metrics } from "#core/contract/index.ts";
import { isRightAt, type Played } from "./played.ts";

/** How far the ladder's answers were from the truth, in the unit of the numbers. */
export interface LadderNumbers {
  /** The mean absolute error of values. */
  mae: number;
  /** The root mean squared error of means. */
  rmse: number;
  /** The share of values within the tolerance. */
  within: number;
  /** The share of intervals that cover the truth, and their mean length; null without intervals. */
  interval: { coverage: number; length: number } | null;
}

/** Measures the ladder's answers to some questions; null where labels are predicted. */
export function ladderNumbers(played: Played, rows: readonly number[]): LadderNumbers | null {
  const { number, label, prediction, mean, interval } = played;
  if (!number || rows.length === 0) return null;
  const average = (of: (row: number) => number, some = rows) =>
    some.reduce((sum, row) => sum + of(row), 0) / some.length;
  const truth = (row: number) => label[row] as number;
  const endsOf = (row: number) => [interval[2 * row], interval[2 * row + 1]] as [low: number, high: number];
  const known = rows.filter((row) => !Number.isNaN(endsOf(row)[0]));
  const covers = (row: number) => {
    const [low, high] = endsOf(row);
    return Number(low <= truth(row) && truth(row) <= high);
  };
  const lengthOf = (row: number) => {
    const [low, high] = endsOf(row);
    return high - low;
  };
  return {
    mae: average((row) => Math.abs((prediction[row] as number) - truth(row))),
    rmse: Math.sqrt(average((row) => ((mean[row] as number) - truth(row)) ** 2)),
    within: average((row) => Number(isRightAt(played, row))),
    interval: known.length === 0 ? null : { coverage: average(covers, known), length: average(lengthOf, known) },
  };
}

/** Returns the error by which heads are compared: of numbers the mean absolute error, of labels the log-loss. */
export function errorOf(metrics: Metrics | undefined): number | undefined {
  return metrics?.number?.mae ?? metrics?.logLoss;
}
