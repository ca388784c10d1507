import { type Distribution, probabilityBelow, probabilityUpTo, quantileOf } from "./distribution.ts";

/** A truth's conformity score, and the group key of its question. */
export interface ConformityScore {
  /** How far from the median the truth is, in probability: 0 at the median, ½ at either end. */
  score: number;
  group: string;
}

/** Computes the conformity score of a truth: |F(truth) − ½|, or the least of it where F jumps. */
export function conformityOf(distribution: Distribution, truth: number): number {
  const [below, upTo] = [probabilityBelow(distribution, truth), probabilityUpTo(distribution, truth)];
  return Math.max(0, 0.5 - upTo, below - 0.5);
}

/**
 * Finds how far the interval reaches from the median in probability so that it covers the truth of a new question with at
 * least a given probability: split conformal prediction (Vovk et al. 2005) with the scores of distributional conformal
 * prediction (Chernozhukov, Wüthrich & Zhu, arXiv 1909.07889). Null where there are too few groups: fewer than
 * coverage / (1 − coverage), or an interval that would have to be the whole line.
 *
 * Each of G groups weighs 1/(G + 1), shared by its rows, and the last 1/(G + 1) lies at infinity (hierarchical conformal
 * prediction, Lee, Barber & Willett, arXiv 2306.06342). What holds, for any model and distribution: if the new question's
 * group and the calibration groups are exchangeable, the interval covers its truth with at least that probability,
 * whatever the dependence within groups. With one row in each group that is the usual (n + 1) correction. It is marginal,
 * over groups and questions: it promises nothing for one region, season or kind of question, and nothing once groups drift.
 */
export function reachFor(scores: readonly ConformityScore[], coverage: number): number | null {
  const rows = new Map<string, number>();
  for (const { group } of scores) rows.set(group, (rows.get(group) ?? 0) + 1);
  const needed = coverage * (rows.size + 1);
  let covered = 0;
  for (const { score, group } of [...scores].sort((a, b) => a.score - b.score)) {
    covered += 1 / (rows.get(group) as number);
    // Thirds do not sum to exactly 1.
    if (covered >= needed - 1e-9) return score < 0.5 ? score : null;
  }
  return null;
}

/** Returns the numbers whose conformity score is at most `reach`, as an interval. */
export function intervalOf(distribution: Distribution, reach: number): [low: number, high: number] {
  return [quantileOf(distribution, 0.5 - reach), quantileOf(distribution, 0.5 + reach)];
}
