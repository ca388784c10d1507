import { errorBounds, isBelowWithConfidence } from "./bounds.ts";
import { noOpinionFit, type OpinionFit } from "./opinion.ts";
import { type Capital, isPoweredValid, noCapital, type PoweredPlan, poweredLabelsNeeded } from "./powered.ts";
import { addTrial, noTrials, repeatTrials, type Trials } from "./trials.ts";

/** The period that one certificate covers. */
export interface CertificateWindow {
  /** 1 for the region's first window. */
  number: number;
  /** Start, ms since 1970. Questions asked earlier are not included. */
  from: number;
  trials: Trials;
  /** The proof by opinions; absent where every label arrives, and in windows that began without. */
  powered?: Powered;
}

/** A capital that opinions help to grow, and how opinions predict errors. */
export interface Powered {
  capital: Capital;
  fit: OpinionFit;
}

/** What a window's labels say about its error. */
export interface Verdict {
  /** `valid`: the error is proven to be at most the target. `void`: proven above it. `pending`: neither yet. */
  status: "valid" | "void" | "pending";
  /** What the status says of the mean error of accepted answers in the window: it is this at most. */
  bound: number;
  /** Upper bound of the same from labels alone. */
  upper: number;
  /** Lower bound of the same. */
  lower: number;
  /** The mean error, weighted by 1/π; null while there is no label. */
  mean: number | null;
  labels: number;
  /** How many more labels a pending certificate needs at the present error; null if it would never become valid. */
  labelsNeeded: number | null;
}

const labelsWorthWaitingFor = 1e7;

/** Creates the first window of a region, under a policy that records no π below `minInclusionProbability`. */
export function firstWindow(
  at: number,
  minInclusionProbability: number,
  powered: PoweredPlan | null = null,
): CertificateWindow {
  return { number: 1, from: at, ...emptyWindow(minInclusionProbability, powered, noOpinionFit()) };
}

/** Creates the empty window after one that is void or whose plan has changed. What is known of opinions stays. */
export function nextWindow(
  window: CertificateWindow,
  at: number,
  minInclusionProbability: number = window.trials.minInclusionProbability,
  powered: PoweredPlan | null = window.powered?.capital.plan ?? null,
): CertificateWindow {
  const fit = window.powered?.fit ?? noOpinionFit();
  return { number: window.number + 1, from: at, ...emptyWindow(minInclusionProbability, powered, fit) };
}

/** Tells whether a window can count what a policy records. A window that began without opinions stays without. */
export function isWithin(
  { trials, powered }: CertificateWindow,
  minInclusionProbability: number,
  next: PoweredPlan | null,
): boolean {
  if (trials.minInclusionProbability > minInclusionProbability) return false;
  if (!powered) return true;
  const { targetRisk, minPlannedShare, maxOpinionShare } = powered.capital.plan;
  return (
    next !== null &&
    targetRisk === next.targetRisk &&
    minPlannedShare <= next.minPlannedShare &&
    maxOpinionShare >= next.maxOpinionShare
  );
}

function emptyWindow(minInclusionProbability: number, powered: PoweredPlan | null, fit: OpinionFit) {
  const trials = noTrials(minInclusionProbability);
  return powered ? { trials, powered: { capital: noCapital(powered), fit } } : { trials };
}

/** Computes window k's share of δ: δ/(k(k + 1)), which sums to δ at most over any number of windows. */
export function windowDelta(window: Pick<CertificateWindow, "number">, delta: number): number {
  return delta / (window.number * (window.number + 1));
}

/**
 * Evaluates a window at any look. Over all windows of a region together, `valid` or `bound` is wrong with probability
 * `delta` at most, and so, separately, is `void` or `lower`.
 * @example verdict(window, { targetRisk: 0.1, delta: 0.05 }).status // "pending"
 */
export function verdict(
  window: CertificateWindow,
  { targetRisk, delta }: { targetRisk: number; delta: number },
): Verdict {
  const { trials, powered } = window;
  const level = windowDelta(window, delta);
  const { mean, lower, upper } = errorBounds(trials, level);
  // One proof or the other, never the better of both: each is wrong with probability `level`.
  const isValid = powered ? isPoweredValid(powered.capital, level) : upper <= targetRisk;
  const status = lower > targetRisk ? "void" : isValid ? "valid" : "pending";
  const needed = () =>
    powered ? poweredLabelsNeeded(powered.capital, level) : labelsNeeded(trials, targetRisk, level);
  return {
    status,
    bound: powered && status === "valid" ? targetRisk : upper,
    upper,
    lower,
    mean,
    labels: trials.labels,
    labelsNeeded: status === "valid" ? 0 : status === "void" ? null : needed(),
  };
}

function labelsNeeded(trials: Trials, targetRisk: number, delta: number): number | null {
  // Before the first label, assumes that none is wrong.
  const seen =
    trials.labels > 0 ? trials : addTrial(trials, { inclusionProbability: trials.minInclusionProbability, error: 0 });
  const valid = (labels: number) => isBelowWithConfidence(repeatTrials(seen, labels / seen.labels), targetRisk, delta);
  let few = trials.labels;
  let enough = Math.max(labelsWorthWaitingFor, 2 * few);
  if (!valid(enough)) return null;
  // At a constant error the mixture is convex in the number of labels and starts at 1, so it crosses 1/δ once.
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2);
    if (valid(middle)) enough = middle;
    else few = middle;
  }
  return enough - trials.labels;
}
