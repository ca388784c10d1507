import { binomialTail } from "./binomial.ts";
import { tTail } from "./t-tail.ts";

/** The answers that a risk counts, and the errors among them, by group. */
export interface GroupCounts {
  answers: Float64Array;
  errors: Float64Array;
}

/** The levels of the two tests that must both reject. */
export interface TestLevels {
  /** The level of the exact test, for independent rows. */
  exact: number;
  /** The level of Student's t over groups. */
  t: number;
}

/**
 * Tests whether a risk is below the target where the answers of a group depend on each other. Both must reject:
 *
 * - Student's t on the mean over all groups of Σ (E − target): the cluster-robust variance of a ratio (Liang & Zeger 1986),
 *   with one degree of freedom less than groups that have an answer.
 * - The exact binomial test of the answers, as if they were independent. A t-test passes on any number of groups without
 *   an error, since their variance is zero.
 *
 * Neither sees a shock that strikes fewer than one group in as many as there are: no test of so few groups can.
 */
export function isRiskBelow(counts: GroupCounts, target: number, levels: TestLevels): boolean {
  const answers = sum(counts.answers);
  if (answers === 0 || binomialTail(sum(counts.errors), answers, target) > levels.exact) return false;
  const degrees = counts.answers.filter((n) => n > 0).length - 1;
  if (degrees < 1) return false;
  const { mean, variance } = excessOf(counts, target);
  return mean < 0 && tTail(mean / Math.sqrt(variance / counts.answers.length), degrees) <= levels.t;
}

/**
 * Computes by how many standard errors a risk is below the target. The variance is at least that of independent answers at
 * the target, so that a few answers without an error don't count as much as many.
 */
export function marginOf(counts: GroupCounts, target: number): number {
  const groups = counts.answers.length;
  const answers = sum(counts.answers);
  if (answers === 0 || groups < 2) return 0;
  const { mean, variance } = excessOf(counts, target);
  return -mean / Math.sqrt(Math.max(variance / groups, (answers * target * (1 - target)) / groups ** 2));
}

/** Computes the fewest answers that pass the exact test without an error. */
export function answersToPass(target: number, level: number): number {
  return Math.ceil(Math.log(level) / Math.log1p(-target));
}

/** Computes mean and variance over all groups of Σ (E − target). */
function excessOf({ answers, errors }: GroupCounts, target: number): { mean: number; variance: number } {
  const excess = answers.map((n, group) => (errors[group] as number) - target * n);
  const mean = sum(excess) / excess.length;
  const variance = excess.reduce((total, value) => total + (value - mean) ** 2, 0) / (excess.length - 1);
  return { mean, variance };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
