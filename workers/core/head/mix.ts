import { type Label, meanUnder } from "./label.ts";

/** Held-out rows, each with its label, its group key, and its logits [classes] by the global and by the regional head. */
export interface MixRows {
  labels: readonly Label[];
  groupKeys: readonly string[];
  /** By the global head, whose temperature is in its logits. */
  global: readonly Float64Array[];
  /** By the calibrated regional head; a row of train by the head that left out its fold. */
  regional: readonly Float64Array[];
}

/** How much of a regional head is mixed into the global one. */
export interface Mix {
  /** w in w·regional + (1 − w)·global, in [0, 1]. */
  weight: number;
  groups: number;
  /** How many dependent rows say as much as one independent row. */
  designEffect: number;
  /** Mean log-loss of the mixture on the rows. */
  logLoss: number;
}

/**
 * The prior standard deviation of w around 0. On 48 weather stations whose labels began in 2020, with a retrain every half
 * year, the log-loss of the served heads minus that of the global head, the worst station, and the share promoted were:
 *
 * | rule | mean | worst | promoted |
 * |---|---|---|---|
 * | unmixed | −0.0029 | +0.0077 | 21% |
 * | deviation 0.15 | −0.0037 | +0.0009 | 51% |
 * | deviation 0.2 | −0.0042 | +0.0012 | 48% |
 * | **deviation 0.3** | **−0.0043** | **+0.0015** | **48%** |
 * | deviation 0.5 | −0.0043 | +0.0017 | 44% |
 * | deviation 1 | −0.0039 | +0.0028 | 40% |
 * | w that minimises the upper bound of the difference, at one standard error | −0.0043 | +0.0015 | 39% |
 */
const deviation = 0.3;
const iterations = 30;
const precision = 1e-6;

/**
 * Fits the weight of a regional head: the w in [0, 1] that minimises (Σ log-loss) / designEffect + w² / (2·deviation²).
 *
 * The logits are linear in w, so the log-loss is convex and Newton's method finds the minimum. Rows of one group depend on
 * each other: their log-likelihood is a composite one, which overstates what they say. It is divided by the design effect,
 * the cluster-robust variance of its slope over the variance of independent rows (Pauli, Racugno & Ventura, "Bayesian
 * composite marginal likelihoods", 2011). A region with few groups stays near the global head, however many rows they have.
 */
export function fitMix(rows: MixRows): Mix {
  const groups = new Set(rows.groupKeys).size;
  // One group says nothing about how much groups differ.
  if (groups < 2)
    return { weight: 0, groups, designEffect: Number.POSITIVE_INFINITY, logLoss: slopesAt(rows, 0).logLoss };
  const designEffect = designEffectOf(slopesAt(rows, minimum(rows, 1, 0)).slopes, rows.groupKeys, groups);
  const weight = minimum(rows, 1 / designEffect, 1 / deviation ** 2);
  return { weight, groups, designEffect, logLoss: slopesAt(rows, weight).logLoss };
}

/** Mixes two heads [width + 1, classes]: logits are linear in a head, so the mixture is one head. */
export function mixHeads(regional: Float32Array, global: Float32Array, weight: number): Float32Array {
  return regional.map((value, i) => weight * value + (1 - weight) * (global[i] as number));
}

/** The minimum in [0, 1] of scale·Σ log-loss + ½·penalty·w², by Newton's method within a shrinking bracket. */
function minimum(rows: MixRows, scale: number, penalty: number): number {
  const at = (w: number) => {
    const { slopes, curvature } = slopesAt(rows, w);
    const slope = slopes.reduce((sum, value) => sum + value, 0);
    return { slope: scale * slope + penalty * w, curvature: scale * curvature + penalty };
  };
  if (at(0).slope >= 0) return 0;
  if (at(1).slope <= 0) return 1;
  let [low, high] = [0, 1];
  let w = 0.5;
  for (let i = 0; i < iterations && high - low > precision; i++) {
    const { slope, curvature } = at(w);
    if (slope > 0) high = w;
    else low = w;
    const newton = w - slope / curvature;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - w) < precision) return next;
    w = next;
  }
  return w;
}

/** The mean log-loss, the derivative of each row's log-loss by w, and the second derivative of their sum. */
function slopesAt({ labels, global, regional }: MixRows, w: number) {
  const slopes = new Float64Array(labels.length);
  let [curvature, loss] = [0, 0];
  for (const [row, label] of labels.entries()) {
    const [from, to] = [global[row] as Float64Array, regional[row] as Float64Array];
    const logit = (c: number) => (1 - w) * (from[c] as number) + w * (to[c] as number);
    const step = (c: number) => (to[c] as number) - (from[c] as number);
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < from.length; c++) top = Math.max(top, logit(c));
    let [total, mean, square] = [0, 0, 0];
    for (let c = 0; c < from.length; c++) {
      const share = Math.exp(logit(c) - top);
      total += share;
      mean += share * step(c);
      square += share * step(c) ** 2;
    }
    mean /= total;
    const [before, after] = [meanUnder(label, from), meanUnder(label, to)];
    slopes[row] = mean - (after - before);
    curvature += square / total - mean ** 2;
    loss += top + Math.log(total) - ((1 - w) * before + w * after);
  }
  return { slopes, curvature, logLoss: loss / Math.max(1, labels.length) };
}

/** The cluster-robust variance of a sum over its variance if the rows were independent; at least 1. */
function designEffectOf(values: Float64Array, groupKeys: readonly string[], groups: number): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const byGroup = new Map<string, number>();
  let independent = 0;
  for (const [row, key] of groupKeys.entries()) {
    const residual = (values[row] as number) - mean;
    independent += residual ** 2;
    byGroup.set(key, (byGroup.get(key) ?? 0) + residual);
  }
  const clustered = [...byGroup.values()].reduce((sum, residual) => sum + residual ** 2, 0);
  return independent > 0 ? Math.max(1, ((clustered / independent) * groups) / (groups - 1)) : 1;
}
