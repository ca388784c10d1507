import type { GradedAnswer, ScoredAnswer } from "../confidence/rule.ts";
import type { Answer, Metrics, Reading } from "../contract/index.ts";
import type { Label } from "../head/label.ts";

/** What a rung or a person answered: the label with its scores; of a number also its value. */
export type Said = Pick<
  Answer,
  "label" | "scores" | "confidence" | "value" | "mean" | "interval" | "intervalCoverage" | "tolerance" | "unit"
>;

/**
 * What distinguishes the tasks of models that learn: what a label means to a head, and what a head's scores say. Scores are
 * in the order of the model's labels. `reading` is that of the head that gave them; classifiers have none.
 */
export interface Task {
  readonly kind: "classify" | "regress";
  /** What a label must be, for a refusal. */
  readonly expected: string;
  /** Returns a label in the form that is stored; null for one that the model does not have. */
  parse(text: string): string | null;
  /** Returns what a label teaches a head; null for one that the model does not have. */
  labelOf(text: string): Label | null;
  /** Reads a head's scores. */
  read(scores: ArrayLike<number>, reading?: Reading): Said;
  /** Returns what an answer says whose label is known for sure. */
  known(label: string): Said;
  /** Tells whether a predicted label counts as right where another is true. */
  isRight(prediction: string, label: string): boolean;
  /** Returns the probability that scores by name give to a label; null where they do not name it. */
  scoreOf(scores: Readonly<Record<string, number>>, label: string): number | null;
  /** Grades what scores say by the known label. */
  grade(scores: ArrayLike<number>, label: Label, reading?: Reading): GradedAnswer;
  /** Grades what scores say, and keeps what is needed to certify. */
  score(scores: ArrayLike<number>, label: Label, reading?: Reading): ScoredAnswer;
  /** Evaluates scores by every metric that is reported. */
  evaluate(scores: readonly ArrayLike<number>[], labels: readonly Label[], reading?: Reading): Metrics;
}
