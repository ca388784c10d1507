import { errorBounds, isBelowWithConfidence } from "./bounds.ts";
import { addTrial, noTrials, repeatTrials, type Trials } from "./trials.ts";

/** A span of a region's life over which one certificate speaks. */
export interface CertificateWindow {
  /** 1 for the region's first. */
  number: number;
  /** When it began, ms since 1970: questions that were asked before are not in it. */
  from: number;
  trials: Trials;
}

export interface Verdict {
  /** `held`: error is surely at most the target. `void`: surely above it. `pending`: neither, yet. */
  status: "valid" | "void" | "pending";
  /** The upper end of the mean error of what was accepted in the window. */
  bound: number;
  /** Its lower end. */
  lower: number;
  /** The mean error itself, weighted by 1/π; null while there is no label. */
  mean: number | null;
  labels: number;
  /** How many more labels a pending one needs at the present rate of error; null where it would never be held. */
  labelsNeeded: number | null;
}

const labelsWorthWaitingFor = 1e7;

/** The first window of a region, under a policy that records no π below `minInclusionProbability`. */
export function firstWindow(at: number, minInclusionProbability: number): CertificateWindow {
  return { number: 1, from: at, trials: noTrials(minInclusionProbability) };
}

/** The window after one that is void, or whose policy's least π has changed: it knows nothing of what was before. */
export function nextWindow(
  window: CertificateWindow,
  at: number,
  minInclusionProbability: number = window.trials.minInclusionProbability,
): CertificateWindow {
  return { number: window.number + 1, from: at, trials: noTrials(minInclusionProbability) };
}

/** What window k may spend of a life's δ: δ/(k(k + 1)), which sums to δ however many there are. */
export function windowDelta(window: Pick<CertificateWindow, "number">, delta: number): number {
  return delta / (window.number * (window.number + 1));
}

/**
 * What a window's labels say of its error, at any look. Over all windows of a life together, `held` or `bound` is
 * wrong with a chance of `delta` at most, and so, apart, is `void` or `lower`.
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
  // Before the first label: were none wrong.
  const seen =
    trials.labels > 0 ? trials : addTrial(trials, { inclusionProbability: trials.minInclusionProbability, error: 0 });
  const valid = (labels: number) => isBelowWithConfidence(repeatTrials(seen, labels / seen.labels), targetRisk, delta);
  let few = trials.labels;
  let enough = Math.max(labelsWorthWaitingFor, 2 * few);
  if (!valid(enough)) return null;
  // At a constant rate the mixture is convex in the number of labels and starts at 1: it passes 1/δ once.
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2);
    if (valid(middle)) enough = middle;
    else few = middle;
  }
  return enough - trials.labels;
}
