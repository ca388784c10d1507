import { gradeAnswer, scoreAnswer } from "../confidence/rule.ts";
import { argMax } from "../head/head.ts";
import { evaluate } from "../head/metrics.ts";
import type { Task } from "./task.ts";

/** One label out of a list. */
export function classifyTask(labels: readonly string[]): Task {
  const named = (scores: ArrayLike<number>) => Object.fromEntries(labels.map((name, i) => [name, scores[i] as number]));
  return {
    kind: "classify",
    expected: `one of ${labels.join(", ")}`,
    parse: (text) => (labels.includes(text) ? text : null),
    labelOf(text) {
      const index = labels.indexOf(text);
      return index < 0 ? null : index;
    },
    read(scores) {
      const predicted = argMax(scores);
      const [label, confidence] = [labels[predicted] as string, scores[predicted] as number];
      return { label, scores: named(scores), confidence };
    },
    known(label) {
      const others = Object.fromEntries(labels.map((name) => [name, 0]));
      return { label, scores: { ...others, [label]: 1 }, confidence: 1 };
    },
    isRight: (prediction, label) => prediction === label,
    scoreOf: (scores, label) => scores[label] ?? null,
    grade: (scores, label) => gradeAnswer(scores, label as number),
    score: (scores, label) => scoreAnswer(scores, label as number),
    evaluate: (scores, known) => evaluate(scores, known as readonly number[]),
  };
}
