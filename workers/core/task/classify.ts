import { gradeAnswer, scoreAnswer } from "../confidence/rule.ts";
import type { Answer } from "../contract/index.ts";
import { argMax } from "../head/head.ts";
import { evaluate } from "../head/metrics.ts";
import { own } from "../own.ts";
import type { Task } from "./task.ts";

/** The best label with its score, and the scores of all labels that may be answered. */
export type Choice = Pick<Answer, "label" | "scores" | "confidence">;

/** Chooses the label with the highest score. */
export function bestOf(labels: readonly string[], scores: ArrayLike<number>): Choice {
  const best = argMax(scores);
  return {
    label: labels[best] as string,
    scores: Object.fromEntries(labels.map((name, i) => [name, scores[i] as number])),
    confidence: scores[best] as number,
  };
}

/** One label out of a list. */
export function classifyTask(labels: readonly string[]): Task {
  return {
    kind: "classify",
    expected: `one of ${labels.join(", ")}`,
    parse: (text) => (labels.includes(text) ? text : null),
    labelOf(text) {
      const index = labels.indexOf(text);
      return index < 0 ? null : index;
    },
    read: (scores) => bestOf(labels, scores),
    known(label) {
      const others = Object.fromEntries(labels.map((name) => [name, 0]));
      return { label, scores: { ...others, [label]: 1 }, confidence: 1 };
    },
    isRight: (prediction, label) => prediction === label,
    scoreOf: (scores, label) => own(scores, label) ?? null,
    grade: (scores, label) => gradeAnswer(scores, label as number),
    score: (scores, label) => scoreAnswer(scores, label as number),
    evaluate: (scores, known) => evaluate(scores, known as readonly number[]),
  };
}
