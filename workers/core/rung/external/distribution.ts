import { noAnswer } from "./transport.ts";

/** Units to which servers round probabilities. */
const roundings = [0.01, 0.0001];
const sumTolerance = 0.05;

/**
 * Checks a distribution over labels and returns it in their order, scaled to sum 1. Throws `RungUnavailableError` unless
 * each label has one finite probability in [0, 1], there are no others, and the sum is 1 but for rounding.
 */
export function distributionOf(labels: readonly string[], given: readonly (readonly [string, unknown])[]): number[] {
  const known = new Map(given);
  if (known.size !== given.length) throw noAnswer("failed", "it gives a label two probabilities");
  const all = new Set(labels);
  if (given.some(([label]) => !all.has(label))) throw noAnswer("failed", "it answers with an unknown label");
  const scores = labels.map((label) => known.get(label));
  if (scores.includes(undefined)) throw noAnswer("failed", "it leaves out a label");
  if (!scores.every(isProbability)) throw noAnswer("failed", "a probability is not a number from 0 to 1");
  const sum = scores.reduce((total, score) => total + score, 0);
  const rounding = (labels.length * unitOf(scores)) / 2;
  if (Math.abs(sum - 1) > Math.max(sumTolerance, rounding) || sum <= 0) {
    throw noAnswer("failed", "its probabilities do not sum to 1");
  }
  return scores.map((score) => score / sum);
}

function isProbability(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

/** Returns the unit that all scores are multiples of; 0 for none. */
function unitOf(scores: readonly number[]): number {
  const isMultiple = (unit: number) =>
    scores.every((score) => Math.abs(score - unit * Math.round(score / unit)) < 1e-9);
  return roundings.find(isMultiple) ?? 0;
}

/** Returns a count of tokens as a server gives it; null for anything else. */
export function tokensOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** Returns the name that a server gives its model, in printable characters; `fallback` where it gives none. */
export function modelNameOf(value: unknown, fallback: string): string {
  const name = typeof value === "string" ? value.replace(/[^\x21-\x7e]/g, "").slice(0, 128) : "";
  return name === "" ? fallback : name;
}
