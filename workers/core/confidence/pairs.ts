// Sums over labelled questions that both versions of a canary answered, and the confidence sequence of their difference.
//
// One coin, drawn when a question is asked, plans its label with the probability π that the serving version's policy
// records, at least `minInclusionProbability`. With the difference d in [−1, 1] of the two versions on it, w = 1/π if the
// label was planned, 0 otherwise, and a difference m to disprove, x = w(m − d) has the mean m − E[d | past].
//
// Rows. The empirical-Bernstein confidence sequence (arXiv 1810.08240, theorem 4) with S = Σx and V = Σx²: its e-process,
// a mixture of exp(λS − λ²·fan·V) over bets λ that are bounded by the least π, reaches 1/δ with probability δ at most, at
// any look, where the mean of E[d | past] is m or more. It holds exactly, for heads and rules that change, and for
// questions that an adversary chooses: it is a statement about the questions that came.
//
// Groups. Questions of one group (a region's questions with one group key) share shocks: they say less about other
// questions than their number. So V is at least Σ(Σx)² over groups, the cluster-robust variance (Liang & Zeger 1986)
// without its centring. With that V, exp(λS − λ²V/2) is an e-value where the sums of groups are independent and symmetric
// (Efron 1969; de la Peña 1999), however their sizes and variances differ. For other sums, at all looks together, it
// holds for many groups (arXiv 2103.06476); `npm run simulate -- canary` counts how well. V is the larger of both, which
// leaves the first guarantee as it is.
import type { DifferenceBounds } from "../contract/index.ts";
import { isProven } from "./bounds.ts";

/** What one version made of a labelled question. */
export interface GradedByVersion {
  isWrong: boolean;
  accepted: boolean;
}

/** A labelled question that both versions answered. */
export interface Pair {
  /** π in (0, 1]: the probability with which its label was planned. */
  inclusionProbability: number;
  /** What is the same for the questions of its region that depend on each other. */
  group: string;
  stable: GradedByVersion;
  canary: GradedByVersion;
}

/** Sums for a difference d in [−1, 1] and the weight w = 1/π. W and D are a group's Σw and Σwd. */
export interface DifferenceSums {
  /** Σwd, Σw²d and Σw²d² over pairs. */
  sum: number;
  rows: number;
  rowSquares: number;
  /** ΣWD and ΣD² over groups. */
  groups: number;
  groupSquares: number;
}

/** Sums over the pairs of whole groups, as plain JSON. Those of two regions can be added. */
export interface PairSums {
  pairs: number;
  groups: number;
  /** The least π that the policies can record, set before the first pair: the bounds may not learn it from the data. */
  minInclusionProbability: number;
  /** Σw and Σw² over pairs, ΣW² over groups. */
  weight: number;
  rowWeight2: number;
  groupWeight2: number;
  /** Errors: canary − stable. */
  error: DifferenceSums;
  /** Accepted answers: stable − canary. */
  coverage: DifferenceSums;
}

/** What is compared of the versions. */
export type Measure = "error" | "coverage";

/** With fewer groups no difference is proven at 95% confidence. */
export const leastGroups = 10;
const boundPrecision = 1e-6;
const noDifference: DifferenceSums = { sum: 0, rows: 0, rowSquares: 0, groups: 0, groupSquares: 0 };

/** Sums pairs, one after the other. All pairs of a group belong into one sum. */
export class PairCounter {
  readonly sums: PairSums;
  /** Σw, Σwd of errors and Σwd of coverage of each group. */
  private readonly totals = new Map<string, { weight: number; error: number; coverage: number }>();

  constructor(minInclusionProbability: number) {
    this.sums = noPairs(minInclusionProbability);
  }

  add({ inclusionProbability, group, stable, canary }: Pair): void {
    const { sums, totals } = this;
    const weight = 1 / inclusionProbability;
    const error = weight * (Number(canary.isWrong) - Number(stable.isWrong));
    const coverage = weight * (Number(stable.accepted) - Number(canary.accepted));
    const total = totals.get(group) ?? { weight: 0, error: 0, coverage: 0 };
    if (total.weight === 0) sums.groups++;
    sums.pairs++;
    sums.weight += weight;
    sums.rowWeight2 += weight ** 2;
    sums.groupWeight2 += weight * (2 * total.weight + weight);
    addDifference(sums.error, error, weight, { weight: total.weight, sum: total.error });
    addDifference(sums.coverage, coverage, weight, { weight: total.weight, sum: total.coverage });
    total.weight += weight;
    total.error += error;
    total.coverage += coverage;
    totals.set(group, total);
  }
}

/** Sums pairs. */
export function sumPairs(pairs: Iterable<Pair>, minInclusionProbability: number): PairSums {
  const counter = new PairCounter(minInclusionProbability);
  for (const pair of pairs) counter.add(pair);
  return counter.sums;
}

/** Adds the sums of pairs of disjoint groups. */
export function addPairSums(a: PairSums, b: PairSums): PairSums {
  return {
    pairs: a.pairs + b.pairs,
    groups: a.groups + b.groups,
    minInclusionProbability: Math.min(a.minInclusionProbability, b.minInclusionProbability),
    weight: a.weight + b.weight,
    rowWeight2: a.rowWeight2 + b.rowWeight2,
    groupWeight2: a.groupWeight2 + b.groupWeight2,
    error: addDifferences(a.error, b.error),
    coverage: addDifferences(a.coverage, b.coverage),
  };
}

export function noPairs(minInclusionProbability: number): PairSums {
  const none = { pairs: 0, groups: 0, weight: 0, rowWeight2: 0, groupWeight2: 0 };
  return { ...none, minInclusionProbability, error: { ...noDifference }, coverage: { ...noDifference } };
}

/** Tells whether the running mean of d is below `bound`; wrong with probability `delta` at most over all looks. */
export function differsByLess(sums: PairSums, measure: Measure, bound: number, delta: number): boolean {
  return isBelow(sums, sums[measure], bound, delta);
}

/** Tells whether the running mean of d is above `bound`; wrong with probability `delta` at most over all looks. */
export function differsByMore(sums: PairSums, measure: Measure, bound: number, delta: number): boolean {
  return isBelow(sums, mirrored(sums[measure]), -bound, delta);
}

/** Computes one-sided bounds on the running mean of d, each wrong at any look with probability `delta` at most. */
export function differenceBounds(sums: PairSums, measure: Measure, delta: number): DifferenceBounds {
  if (sums.pairs === 0) return { mean: null, lower: -1, upper: 1 };
  const found = sums[measure];
  return {
    mean: found.sum / sums.weight,
    lower: -leastExcluded(sums, mirrored(found), delta),
    upper: leastExcluded(sums, found, delta),
  };
}

/** Adds wd, given the Σw and Σwd that its group had before. */
function addDifference(sums: DifferenceSums, wd: number, w: number, before: { weight: number; sum: number }): void {
  sums.sum += wd;
  sums.rows += w * wd;
  sums.rowSquares += wd ** 2;
  sums.groups += before.weight * wd + w * before.sum + w * wd;
  sums.groupSquares += wd * (2 * before.sum + wd);
}

function addDifferences(a: DifferenceSums, b: DifferenceSums): DifferenceSums {
  return {
    sum: a.sum + b.sum,
    rows: a.rows + b.rows,
    rowSquares: a.rowSquares + b.rowSquares,
    groups: a.groups + b.groups,
    groupSquares: a.groupSquares + b.groupSquares,
  };
}

// With (d + 1)/2, which is in [0, 1], as the loss: hence the halves and quarters.
function isBelow(sums: PairSums, d: DifferenceSums, bound: number, delta: number): boolean {
  if (bound >= 1) return true;
  const gain = (bound * sums.weight - d.sum) / 2;
  const ofRows = (d.rowSquares - 2 * bound * d.rows + bound ** 2 * sums.rowWeight2) / 4;
  const ofGroups = (d.groupSquares - 2 * bound * d.groups + bound ** 2 * sums.groupWeight2) / 4;
  const { minInclusionProbability } = sums;
  const variance = Math.max(ofRows, ofGroups);
  return isProven({ gain, variance, risk: (bound + 1) / 2, minInclusionProbability }, delta);
}

function leastExcluded(sums: PairSums, d: DifferenceSums, delta: number): number {
  let low = d.sum / sums.weight;
  let high = 1;
  while (high - low > boundPrecision) {
    const middle = (low + high) / 2;
    if (isBelow(sums, d, middle, delta)) high = middle;
    else low = middle;
  }
  return high;
}

function mirrored(d: DifferenceSums): DifferenceSums {
  return { ...d, sum: -d.sum, rows: -d.rows, groups: -d.groups };
}
