/** An option of a decision: a label, yes or no, or a level. */
export interface DecisionOption {
  value: string | boolean;
  description: string | null;
}

/** One question about a state, whichever protocol it came by. The options of `yes-no` are true and false, in that order. */
export interface Decision {
  /** System One's id, or the name of OpenAI Decisions; null without one. */
  id: string | null;
  type: "choice" | "yes-no" | "score";
  instructions: string;
  options: DecisionOption[];
}

/** Questions about one state. */
export interface DecisionRequest {
  model: string;
  state: string | object;
  decisions: Decision[];
}

/** The probability of each option of a decision, in their order; they sum to 1. */
export type Distribution = readonly number[];

/** Decimals of probabilities in replies. */
const decimals = 4;

/** Rounds a probability, after its decision has been made. */
export function rounded(value: number): number {
  return Number(value.toFixed(decimals));
}

/** Computes how much a choice stands out: 0 for equal probabilities, 1 for a certain one. */
export function choiceConfidence(probabilities: Distribution): number {
  const n = probabilities.length;
  return n === 1 ? 1 : (Math.max(...probabilities) - 1 / n) / (1 - 1 / n);
}

/** Computes the expected level: 0 for the lowest. */
export function expectedLevel(probabilities: Distribution): number {
  return probabilities.reduce((sum, p, i) => sum + i * p, 0);
}

/** Computes how narrow a distribution over levels is around its most probable one, from 0 to 1. */
export function scoreConfidence(probabilities: Distribution): number {
  const n = probabilities.length;
  if (n === 1) return 1;
  const top = probabilities.indexOf(Math.max(...probabilities));
  const spread = probabilities.reduce((sum, _, i) => sum + Math.abs(i - (n - 1) / 2), 0) / n;
  const distance = probabilities.reduce((sum, p, i) => sum + p * Math.abs(i - top), 0);
  return Math.max(0, 1 - distance / spread);
}
