import { errorBounds, isBelowWithConfidence } from "./bounds.ts";
import { addTrial, noTrials, repeatTrials, type Trials } from "./trials.ts";

/** The period that one certificate covers. */
export interface CertificateWindow {
  /** 1 for the region's first window. */
  number: number;
  /** Start, ms since 1970. Questions asked earlier are not included. */
  from: number;
  trials: Trials;
}

/** What a window's labels say about its error. */
export interface Verdict {
  /** `valid`: the error is proven to be at most the target. `void`: proven above it. `pending`: neither yet. */
  status: "valid" | "void" | "pending";
  /** Upper bound of the mean error of accepted answers in the window. */
  bound: number;
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
export function firstWindow(at: number, minInclusionProbability: number): CertificateWindow {
  return { number: 1, from: at, trials: noTrials(minInclusionProbability) };
}

/** Creates the empty window after one that is void or whose policy's least π has changed. */
export function nextWindow(
  window: CertificateWindow,
  at: number,
  minInclusionProbability: number = window.trials.minInclusionProbability,
): CertificateWindow {
  return { number: window.number + 1, from: at, trials: noTrials(minInclusionProbability) };
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
  const { trials } = window;
  const level = windowDelta(window, delta);
  const { mean, lower, upper } = errorBounds(trials, level);
  const status = upper <= targetRisk ? "valid" : lower > targetRisk ? "void" : "pending";
  return {
    status,
    bound: upper,
    lower,
    mean,
    labels: trials.labels,
    labelsNeeded: status === "valid" ? 0 : status === "void" ? null : labelsNeeded(trials, targetRisk, level),
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
