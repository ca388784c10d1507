import type { Trials } from "./trials.ts";

export interface ErrorBounds {
  /** Σ(E/π) / Σ(1/π), or null while there is no label. */
  mean: number | null;
  lower: number;
  upper: number;
}

const betCount = 24;
const strongestBet = 4;
const weakestBet = 0.002;
const likeliestBet = 8;
const betSpread = 3;
const boundPrecision = 1e-7;

// The discrete mixture (theorem 2 of arXiv 1810.08240). A bet is a log odds ratio η, kept as 1 − exp(−η): it pays
// best near √(2 ln(1/δ) / (n·r(1−r))) for n labels, so these suit about 10 to 10⁷, and most of all some hundreds.
// By odds, and not by ℓ, because each bet is then nowhere above a likelihood ratio of the same odds for every r.
const bets = mixture();

/**
 * One-sided bounds on the running mean error of what was accepted, each wrong at any look with a chance of `delta`
 * at most: the empirical-Bernstein confidence sequence of Howard, Ramdas, McAuliffe & Sekhon (arXiv 1810.08240,
 * theorem 4) for the sum of (E − r)/π over the labels had, predicted as 0, solved for r.
 *
 * For any r that is fixed beforehand, such as a target, this holds whatever errors, heads and thresholds do meanwhile.
 * For r that moves with a moving mean, it is proved where every label is had (that likelihood ratio's logarithm is
 * convex in each question's chance of error, so it is least at their mean), and simulated where some are.
 * @example errorBounds(trials, 0.05) // { mean: 0.08, lower: 0.062, upper: 0.099 } after 2,000 labels with π = 1
 */
export function errorBounds(trials: Trials, delta: number): ErrorBounds {
  if (trials.labels === 0) return { mean: null, lower: 0, upper: 1 };
  const mean = trials.weightedErrors / trials.weight;
  return {
    mean,
    lower: 1 - leastExcluded(mirrored(trials), 1 - mean, delta),
    upper: leastExcluded(trials, mean, delta),
  };
}

/** Whether the running mean error is below `risk`, but for a chance of `delta` over all looks. */
export function isBelowWithConfidence(trials: Trials, risk: number, delta: number): boolean {
  // S = Σ(r − E)/π, V = Σ(r − E)²/π².
  const gain = risk * trials.weight - trials.weightedErrors;
  const variance = (1 - 2 * risk) * trials.weightedErrors2 + risk ** 2 * trials.weight2;
  return isProven({ gain, variance, risk, minInclusionProbability: trials.minInclusionProbability }, delta);
}

/** S = Σ(r − E)/π and V = Σ(r − E)²/π² over losses E in [0, 1], for a risk r in (0, 1). */
export interface EProcessSums {
  gain: number;
  variance: number;
  risk: number;
  minInclusionProbability: number;
}

/** Whether the mixture of bets against a mean of `risk` or more has ever to be believed, but for a chance of `delta`. */
export function isProven({ gain, variance, risk, minInclusionProbability }: EProcessSums, delta: number): boolean {
  const needed = Math.log(1 / delta);
  // No bet reaches more than S²/2V; most looks end here, without a logarithm.
  if (gain <= 0 || gain ** 2 < 2 * variance * needed) return false;
  const logs = bets.map(({ odds, logWeight }) => {
    // λ = ℓ/c, where no term (r − E)/π is below −c = −(1 − r)/minInclusionProbability. Were c learnt from the data, past bets would
    // change with later trials, and the mixture would no longer be a supermartingale.
    const lambda = (minInclusionProbability * odds) / (1 - risk * odds);
    const ell = (lambda * (1 - risk)) / minInclusionProbability;
    return logWeight + lambda * gain - lambda ** 2 * fan(ell) * variance;
  });
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0)) >= needed;
}

/** Whether the running mean error is above `risk`, but for a chance of `delta` over all looks. */
export function isAboveWithConfidence(trials: Trials, risk: number, delta: number): boolean {
  return isBelowWithConfidence(mirrored(trials), 1 - risk, delta);
}

// Any excluded r bounds the mean, even were a larger one let through: the process is nowhere above the capital
// Π(1 + λ(r − E)/π), which grows with r. So bisection is sound wherever it ends.
function leastExcluded(trials: Trials, mean: number, delta: number): number {
  if (!isBelowWithConfidence(trials, 1, delta)) return 1;
  let low = mean;
  let high = 1;
  while (high - low > boundPrecision) {
    const middle = (low + high) / 2;
    if (isBelowWithConfidence(trials, middle, delta)) high = middle;
    else low = middle;
  }
  return high;
}

/** The trials with right and wrong exchanged. */
function mirrored(trials: Trials): Trials {
  return {
    ...trials,
    errors: trials.labels - trials.errors,
    weightedErrors: trials.weight - trials.weightedErrors,
    weightedErrors2: trials.weight2 - trials.weightedErrors2,
  };
}

/** (−ln(1 − ℓ) − ℓ)/ℓ², of Fan's inequality exp(ℓx − (−ln(1 − ℓ) − ℓ)x²) ≤ 1 + ℓx for x ≥ −1 and ℓ in [0, 1). */
function fan(ell: number): number {
  // Below this the difference loses its digits; the series does not.
  if (ell < 1e-3) return 1 / 2 + ell / 3 + ell ** 2 / 4 + ell ** 3 / 5;
  return (-Math.log1p(-ell) - ell) / ell ** 2;
}

function mixture(): { odds: number; logWeight: number }[] {
  const weights = Array.from({ length: betCount }, (_, i) => 1 / (1 + ((i - likeliestBet) / betSpread) ** 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight, i) => {
    const bet = strongestBet * (weakestBet / strongestBet) ** (i / (betCount - 1));
    return { odds: -Math.expm1(-bet), logWeight: Math.log(weight / total) };
  });
}
