import type { Metrics, NumberTask, Reading } from "../contract/index.ts";
import { type Label, numberIn } from "../head/label.ts";
import { coverageAt, logLossOf } from "../head/metrics.ts";
import { isWithin, readNumber } from "./read.ts";

/** Evaluates scores of bins as numbers. `accuracy` is the share within the tolerance, the log-loss that of the bins. */
export function evaluateNumbers(
  task: NumberTask,
  reading: Reading,
  scores: readonly ArrayLike<number>[],
  labels: readonly Label[],
): Metrics {
  const n = scores.length;
  const read = scores.map((row) => readNumber(task, reading, row));
  const truths = labels.map(numberIn);
  const right = read.map(({ value }, i) => isWithin(value, truths[i] as number, task.tolerance));
  const confidences = read.map(({ confidence }) => confidence);
  const mean = (of: (row: (typeof read)[number], truth: number) => number) =>
    read.reduce((sum, row, i) => sum + of(row, truths[i] as number), 0) / n;
  const covers = ({ interval }: (typeof read)[number], truth: number) =>
    interval && truth >= interval[0] && truth <= interval[1] ? 1 : 0;
  return {
    n,
    logLoss: logLossOf(scores, labels),
    auc: null,
    accuracy: right.filter(Boolean).length / n,
    coverage: { "0.05": coverageAt(confidences, right, 0.05), "0.10": coverageAt(confidences, right, 0.1) },
    number: {
      mae: mean(({ value }, truth) => Math.abs(value - truth)),
      rmse: Math.sqrt(mean((row, truth) => (row.mean - truth) ** 2)),
      interval:
        reading.reach === null
          ? null
          : { coverage: mean(covers), length: mean(({ interval }) => (interval ? interval[1] - interval[0] : 0)) },
    },
  };
}
