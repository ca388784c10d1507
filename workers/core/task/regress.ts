import type { NumberTask } from "../contract/index.ts";
import { numberIn } from "../head/label.ts";
import { lossOf } from "../head/metrics.ts";
import { numberOf } from "../input/columns.ts";
import { binOf } from "../regress/bins.ts";
import { distributionOf, probabilityWithin } from "../regress/distribution.ts";
import { evaluateNumbers } from "../regress/metrics.ts";
import { isWithin, readNumber, unread } from "../regress/read.ts";
import { softLabelOf } from "../regress/soft-label.ts";
import type { Said, Task } from "./task.ts";

/** A number, predicted as a distribution over bins. An error is a value that is further from the truth than the tolerance. */
export function regressTask(task: NumberTask, labels: readonly string[]): Task {
  const { bins, tolerance, coverage, unit } = task;
  const named = (scores: ArrayLike<number>) => Object.fromEntries(labels.map((name, i) => [name, scores[i] as number]));
  const common = { tolerance, ...(unit === undefined ? {} : { unit }) };
  const isRight = (value: number, truth: number) => isWithin(value, truth, tolerance);
  const grade: Task["grade"] = (scores, label, reading = unread) => {
    const { value, confidence } = readNumber(task, reading, scores);
    return { confidence, right: isRight(value, numberIn(label)) };
  };
  return {
    kind: "regress",
    expected: "a finite number, such as 24.5",
    parse(text) {
      const number = numberOf(text);
      return number === null ? null : String(number);
    },
    labelOf(text) {
      const number = numberOf(text);
      return number === null ? null : softLabelOf(bins, number);
    },
    read(scores, reading = unread): Said {
      const { value, mean, interval, confidence } = readNumber(task, reading, scores);
      const covered = interval ? { interval, intervalCoverage: coverage } : {};
      return { label: String(value), scores: named(scores), confidence, value, mean, ...covered, ...common };
    },
    known(label): Said {
      const value = Number(label);
      const own = binOf(bins, value);
      return { label, scores: named(labels.map((_, bin) => (bin === own ? 1 : 0))), confidence: 1, value, ...common };
    },
    isRight: (prediction, label) => isRight(Number(prediction), Number(label)),
    scoreOf(scores, label) {
      const known = labels.map((name) => scores[name]);
      if (!known.every((score) => score !== undefined)) return null;
      return probabilityWithin(distributionOf(bins, known as number[]), Number(label), tolerance);
    },
    grade,
    score(scores, label, reading) {
      const graded = grade(scores, label, reading);
      const own = binOf(bins, numberIn(label));
      // Numbers have no classes with risks of their own: what counts is that these two differ for an error.
      return { ...graded, predicted: graded.right ? own : -1, label: own, loss: lossOf(scores, label) };
    },
    evaluate: (scores, known, reading = unread) => evaluateNumbers(task, reading, scores, known),
  };
}
