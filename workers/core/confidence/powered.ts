// A second proof that the mean error of accepted answers is at most the target: a capital that opinions help to grow,
// a prediction-powered e-process (arXiv 2502.04294). It needs fewer labels than the bounds where opinions are good.
//
// Accepted question t has an error E in {0, 1}, a prediction f in [0, 1] of E, and one uniform coin u, independent of all
// else. Its label is planned (L = 1) if u < a, and its opinion is asked for (D = 1) if u < q, where a <= q. What came
// before t decides a and q. That and the opinion decide f: an opinion that is not asked for decides it in thought only.
// With the target r, the capital of a bet κ is the product of the factors
//
//   1 + κx,   x = (D/q)(r − f) + (L/a)(f − E).
//
// Theorem. Let a fixed mixture of fixed bets have the capital C. With probability 1 − δ at least, C is below 1/δ at every
// look n at which the mean error of the first n questions is r or more.
//
// Proof. Given the past, E, f, a and q, D/q and L/a have the mean 1, so that a factor has the mean
// 1 + κ(r − E) <= exp(κ(r − E)). No factor is negative (`largestBet`). So M(κ) = Π(1 + κx) · exp(−κ Σ(r − E)) is a
// nonnegative supermartingale that starts at 1, and so is the mixture M of M(κ). By Ville's inequality (1939), M ever
// reaches 1/δ with probability δ at most. Where the mean error is r or more, Σ(r − E) <= 0, so that
// Π(1 + κx) <= M(κ) for every κ, and C <= M. ∎
//
// It holds for any a and q that change with the past, for errors that an adversary chooses, and for useless opinions.
// It does not hold for a κ that follows the data: Σ κ(r − E) can then be positive while the mean error is above r.
// A factor falls with E. So a planned label that has not come may count as an error until it comes, at every look.
import type { Outcome } from "./trials.ts";

/** What is fixed before the first question of a window. */
export interface PoweredPlan {
  /** r in (0, 1): the mean error to disprove. */
  targetRisk: number;
  /** The least a that the policy can record. */
  minPlannedShare: number;
  /** The largest q that the policy can record with that a. */
  maxOpinionShare: number;
}

/** An accepted question whose opinion was drawn. Any other question has the factor 1. */
export interface PoweredTrial {
  /** a in (0, q]: the probability that its label is planned. */
  plannedShare: number;
  /** q in [a, 1]: the probability that its opinion is asked for. Where q = a, `predicted` has no effect. */
  opinionShare: number;
  isPlanned: boolean;
  /** Its error, if its label is planned; 1 while a planned label is missing. Null for any other question, labelled or not. */
  error: Outcome | null;
  /** f in [0, 1]: the error that was predicted from the opinion before the label was known. */
  predicted: number;
}

/** The logarithms of the capital of each bet. Plain JSON; trials can be corrected exactly. */
export interface Capital {
  plan: PoweredPlan;
  /** Planned labels. */
  labels: number;
  /** Σ ln(1 + κx) for each bet, with f = 0 and q = a. */
  fromLabels: number[];
  /** The same with the predictions. */
  fromOpinions: number[];
}

/** The bets κ, in the order of a capital's logarithms. */
export interface Bets {
  fromLabels: readonly number[];
  fromOpinions: readonly number[];
}

/** The x of one trial. */
export interface Gains {
  fromLabels: number;
  fromOpinions: number;
}

// Shares of the largest bet. The best one for labels alone is 1 − e/r for an error of e, and opinions allow more: most
// weight is on errors of 0.4r to 0.9r (`npm run simulate -- certificates`). Below 1, no factor is 0.
const betShares = [0.95, 0.75, 0.58, 0.44, 0.33, 0.25, 0.18, 0.13, 0.09, 0.06];
const betWeights = sharesOf([2, 2, 3, 3, 3, 3, 2, 2, 1, 1]);
const labelsWorthWaitingFor = 1e7;

/** Creates the capital of a window without questions. Throws `RangeError` for a plan that is impossible. */
export function noCapital(plan: PoweredPlan): Capital {
  const { targetRisk, minPlannedShare, maxOpinionShare } = plan;
  if (!(targetRisk > 0 && targetRisk < 1)) {
    throw new RangeError(`targetRisk must be between 0 and 1; received ${targetRisk}.`);
  }
  if (!(minPlannedShare > 0 && minPlannedShare <= maxOpinionShare && maxOpinionShare <= 1)) {
    throw new RangeError(
      `minPlannedShare and maxOpinionShare must be in (0, 1] and in this order; received ${minPlannedShare} and ${maxOpinionShare}.`,
    );
  }
  const zeros = () => betShares.map(() => 0);
  return {
    plan: { targetRisk, minPlannedShare, maxOpinionShare },
    labels: 0,
    fromLabels: zeros(),
    fromOpinions: zeros(),
  };
}

/**
 * Adds the factor of one trial. Throws `RangeError` for shares that the plan excludes.
 * @example addPowered(noCapital(plan), { plannedShare: 0.1, opinionShare: 0.25, isPlanned: false, error: null, predicted: 0.01 })
 */
export function addPowered(capital: Capital, trial: PoweredTrial): Capital {
  checkTrial(capital.plan, trial);
  const added = withFactor(capital, gainsOf(trial, capital.plan.targetRisk), 1);
  return { ...added, labels: capital.labels + (trial.isPlanned ? 1 : 0) };
}

/** Corrects the error of a planned trial that the capital contains: replaces its factor by that of `error`. */
export function correctPowered(capital: Capital, trial: PoweredTrial, error: Outcome): Capital {
  const corrected = { ...trial, error };
  checkTrial(capital.plan, trial);
  checkTrial(capital.plan, corrected);
  const { targetRisk } = capital.plan;
  return withFactor(withFactor(capital, gainsOf(trial, targetRisk), -1), gainsOf(corrected, targetRisk), 1);
}

/** Joins the capitals of disjoint questions; null where their plans differ: their bets do too. */
export function addCapital(a: Capital, b: Capital): Capital | null {
  const keys = ["targetRisk", "minPlannedShare", "maxOpinionShare"] as const;
  if (keys.some((key) => a.plan[key] !== b.plan[key])) return null;
  const plus = (x: readonly number[], y: readonly number[]) => x.map((log, i) => log + (y[i] as number));
  return {
    plan: a.plan,
    labels: a.labels + b.labels,
    fromLabels: plus(a.fromLabels, b.fromLabels),
    fromOpinions: plus(a.fromOpinions, b.fromOpinions),
  };
}

/** Computes the logarithm of the capital: half of it bets on labels alone, half on labels and opinions. */
export function logCapitalOf(capital: Pick<Capital, "fromLabels" | "fromOpinions">): number {
  return mixedLog(capital, 1);
}

/** Tells whether the mean error is proven to be below the target; wrong with probability `delta` at most over all looks. */
export function isPoweredValid(capital: Pick<Capital, "fromLabels" | "fromOpinions">, delta: number): boolean {
  return logCapitalOf(capital) >= Math.log(1 / delta);
}

/** Computes how many more labels the capital needs at its present mean rate of growth; null if it would never be enough. */
export function poweredLabelsNeeded(capital: Capital, delta: number): number | null {
  if (isPoweredValid(capital, delta)) return 0;
  const { targetRisk, minPlannedShare: plannedShare } = capital.plan;
  const needed = Math.log(1 / delta);
  // Before the first label, assumes that none is wrong and that no opinion helps.
  const first: PoweredTrial = { plannedShare, opinionShare: plannedShare, isPlanned: true, error: 0, predicted: 0 };
  const seen =
    capital.labels > 0 ? capital : { ...withFactor(noCapital(capital.plan), gainsOf(first, targetRisk), 1), labels: 1 };
  const valid = (labels: number) => mixedLog(seen, labels / seen.labels) >= needed;
  let few = capital.labels;
  let enough = Math.max(labelsWorthWaitingFor, 2 * few);
  if (!valid(enough)) return null;
  // The mixture is convex in the number of labels and starts at 1, so it crosses 1/δ once.
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2);
    if (valid(middle)) enough = middle;
    else few = middle;
  }
  return enough - capital.labels;
}

/** Computes the bets of a plan: fixed shares of the largest bets that leave every factor positive. */
export function betsOf({ targetRisk, minPlannedShare, maxOpinionShare }: PoweredPlan): Bets {
  const fromLabels = largestBet(targetRisk, minPlannedShare, minPlannedShare);
  const fromOpinions = largestBet(targetRisk, minPlannedShare, maxOpinionShare);
  return {
    fromLabels: betShares.map((share) => share * fromLabels),
    fromOpinions: betShares.map((share) => share * fromOpinions),
  };
}

/** Computes the x of a trial: from its label alone, and with its prediction. */
export function gainsOf(trial: PoweredTrial, targetRisk: number): Gains {
  const { plannedShare, opinionShare, isPlanned, error, predicted } = trial;
  const drawn = (targetRisk - predicted) / opinionShare;
  if (!isPlanned) return { fromLabels: 0, fromOpinions: drawn };
  const wrong = error ?? 1;
  return { fromLabels: (targetRisk - wrong) / plannedShare, fromOpinions: drawn + (predicted - wrong) / plannedShare };
}

/**
 * 1/(1/a − r/q): the bet at which the least factor is 0. With a label, x is linear in f and grows with it, since a <= q:
 * it is least at f = 0 and E = 1, where x = r/q − 1/a. Without one it is least at f = 1, where
 * x = (r − 1)/q >= r/q − 1/a. It grows with a and falls with q: their extremes give the least x of a plan.
 */
function largestBet(targetRisk: number, plannedShare: number, opinionShare: number): number {
  return 1 / (1 / plannedShare - targetRisk / opinionShare);
}

function withFactor<T extends Capital>(capital: T, gains: Gains, times: 1 | -1): T {
  const bets = betsOf(capital.plan);
  const add = (logs: number[], kappas: readonly number[], gain: number) =>
    logs.map((log, i) => log + times * Math.log1p((kappas[i] as number) * gain));
  return {
    ...capital,
    fromLabels: add(capital.fromLabels, bets.fromLabels, gains.fromLabels),
    fromOpinions: add(capital.fromOpinions, bets.fromOpinions, gains.fromOpinions),
  };
}

/** The logarithm of the mixture after every factor has occurred `times` times. */
function mixedLog({ fromLabels, fromOpinions }: Pick<Capital, "fromLabels" | "fromOpinions">, times: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const log of fromLabels) if (log > most) most = log;
  for (const log of fromOpinions) if (log > most) most = log;
  let sum = 0;
  for (let i = 0; i < betShares.length; i++) {
    const weight = (betWeights[i] as number) / 2;
    sum += weight * Math.exp(times * ((fromLabels[i] as number) - most));
    sum += weight * Math.exp(times * ((fromOpinions[i] as number) - most));
  }
  return times * most + Math.log(sum);
}

function checkTrial(
  plan: PoweredPlan,
  { plannedShare, opinionShare, isPlanned, error, predicted }: PoweredTrial,
): void {
  const { targetRisk, minPlannedShare, maxOpinionShare } = plan;
  const isShare = plannedShare > 0 && plannedShare <= opinionShare && opinionShare <= 1;
  // What the bets need. A larger share of opinions is possible with a larger share of labels, such as 1 and 1.
  const isCovered =
    plannedShare >= minPlannedShare &&
    largestBet(targetRisk, plannedShare, opinionShare) >= largestBet(targetRisk, minPlannedShare, maxOpinionShare);
  if (!isShare || !isCovered) {
    throw new RangeError(
      `plannedShare must be in [${minPlannedShare}, 1] and opinionShare between it and ${maxOpinionShare}; received ${plannedShare} and ${opinionShare}. Start a new window for another policy.`,
    );
  }
  if (!(predicted >= 0 && predicted <= 1)) throw new RangeError(`predicted must be in [0, 1]; received ${predicted}.`);
  if (isPlanned === (error === null)) {
    throw new RangeError("error must be 0 or 1 for a planned label, and null for any other question.");
  }
}

function sharesOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
