import type { Trials } from "./trials.ts";

/** One-sided confidence bounds on the mean error of accepted answers. */
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

// The discrete mixture (theorem 2 of arXiv 1810.08240). A bet is a log odds ratio η, kept as 1 − exp(−η): the best one
// for n labels is near √(2 ln(1/δ) / (n·r(1−r))), so these suit about 10 to 10⁷ labels, and some hundreds best.
// Bets are fixed by odds, not by ℓ: each is then at most a likelihood ratio of the same odds, for every r.
const { odds, logWeights } = mixture();
// Room for the logarithm of each bet: `isProven` runs at every look, and an allocation would cost more than its sums.
const logs = new Float64Array(betCount);
// With room for rounding, so that what it rules out is never what the sum would have proved.
const mostOverLargest = Math.log(betCount) + 1e-9;

/**
 * Computes one-sided bounds on the running mean error of accepted answers, each wrong at any look with probability
 * `delta` at most: the empirical-Bernstein confidence sequence of Howard, Ramdas, McAuliffe & Sekhon (arXiv 1810.08240,
 * theorem 4) for the sum of (E − r)/π over the labels received, predicted as 0, solved for r.
 *
 * For an r fixed beforehand, such as a target, this holds however errors, heads and thresholds change meanwhile.
 * For an r that moves with a moving mean, it is proved where every label is received (the logarithm of that likelihood
 * ratio is convex in each question's error probability, so it is least at their mean), and simulated where only some are.
 * @example errorBounds(trials, 0.05) // { mean: 0.08, lower: 0.062, upper: 0.099 } after 2,000 labels with π = 1
 */
export function errorBounds(trials: Trials, delta: number): ErrorBounds {
  if (trials.labels === 0) return { mean: null, lower: 0, upper: 1 };
  const mean = trials.weightedErrors / trials.weight;
  return {
    mean,
    lower: 1 - leastExcluded(mirrored(trials), 1 - mean, delta),
    upper: upperBound(trials, delta),
  };
}

/** Computes the upper one of `errorBounds` alone. */
export function upperBound(trials: Trials, delta: number): number {
  return trials.labels === 0 ? 1 : leastExcluded(trials, trials.weightedErrors / trials.weight, delta);
}

/** Tells whether the running mean error is below `risk`; wrong with probability `delta` at most over all looks. */
export function isBelowWithConfidence(trials: Trials, risk: number, delta: number): boolean {
  // S = Σ(r − E)/π, V = Σ(r − E)²/π².
  const gain = risk * trials.weight - trials.weightedErrors;
  const variance = (1 - 2 * risk) * trials.weightedErrors2 + risk ** 2 * trials.weight2;
  return isProven({ gain, variance, risk, minInclusionProbability: trials.minInclusionProbability }, delta);
}

/** Tells whether the running mean error is above `risk`; wrong with probability `delta` at most over all looks. */
export function isAboveWithConfidence(trials: Trials, risk: number, delta: number): boolean {
  return isBelowWithConfidence(mirrored(trials), 1 - risk, delta);
}

/** The sums of an e-process: S = Σ(r − E)/π and V = Σ(r − E)²/π² over losses E in [0, 1], for a risk r in (0, 1). */
export interface EProcessSums {
  gain: number;
  variance: number;
  risk: number;
  minInclusionProbability: number;
}

/** Tells whether the e-process against a mean of `risk` or more has reached 1/δ, which proves that the mean is lower. */
export function isProven({ gain, variance, risk, minInclusionProbability }: EProcessSums, delta: number): boolean {
  const needed = Math.log(1 / delta);
  // No bet reaches more than S²/2V; most looks end here, without a logarithm.
  if (gain <= 0 || gain ** 2 < 2 * variance * needed) return false;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < betCount; i++) {
    const bet = odds[i] as number;
    // λ = ℓ/c, where no term (r − E)/π is below −c = −(1 − r)/minInclusionProbability. If c were learned from the data,
    // later trials would change past bets, and the mixture would no longer be a supermartingale.
    const lambda = (minInclusionProbability * bet) / (1 - risk * bet);
    const ell = (lambda * (1 - risk)) / minInclusionProbability;
    const log = (logWeights[i] as number) + lambda * gain - lambda ** 2 * fan(ell) * variance;
    // The mixture is at least its largest term.
    if (log >= needed) return true;
    logs[i] = log;
    if (log > most) most = log;
  }
  // The mixture is at most betCount times its largest term.
  if (most + mostOverLargest < needed) return false;
  let sum = 0;
  for (let i = 0; i < betCount; i++) sum += Math.exp((logs[i] as number) - most);
  return most + Math.log(sum) >= needed;
}

// Any excluded r bounds the mean, even if a larger one were not excluded: the process never exceeds the capital
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

/** Exchanges right and wrong answers. */
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

function mixture(): { odds: Float64Array; logWeights: Float64Array } {
  const weights = Array.from({ length: betCount }, (_, i) => 1 / (1 + ((i - likeliestBet) / betSpread) ** 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    odds: Float64Array.from(weights, (_, i) => {
      const bet = strongestBet * (weakestBet / strongestBet) ** (i / (betCount - 1));
      return -Math.expm1(-bet);
    }),
    logWeights: Float64Array.from(weights, (weight) => Math.log(weight / total)),
  };
}
