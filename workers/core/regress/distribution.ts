import type { Bins } from "../contract/index.ts";
import { binCount, binMean, binOf, numberAt, shareBelow } from "./bins.ts";

/** A predicted distribution of a number. */
export interface Distribution {
  bins: Bins;
  /** The mass below each edge, [bins + 1]: from 0 to 1. */
  below: Float64Array;
}

/** Reads scores of bins, which sum to about 1, as a distribution. */
export function distributionOf(bins: Bins, scores: ArrayLike<number>): Distribution {
  const below = new Float64Array(binCount(bins) + 1);
  let sum = 0;
  for (let bin = 0; bin < below.length - 1; bin++) {
    sum += scores[bin] as number;
    below[bin + 1] = sum;
  }
  for (let edge = 1; edge < below.length; edge++) below[edge] = (below[edge] as number) / sum;
  return { bins, below };
}

/** Computes the probability of a number at most `value`. */
export function probabilityUpTo(distribution: Distribution, value: number): number {
  return cumulative(distribution, value, true);
}

/** Computes the probability of a number below `value`. */
export function probabilityBelow(distribution: Distribution, value: number): number {
  return cumulative(distribution, value, false);
}

/** Computes the probability of a number at most `tolerance` away from `value`. */
export function probabilityWithin(distribution: Distribution, value: number, tolerance: number): number {
  const mass = cumulative(distribution, value + tolerance, true) - cumulative(distribution, value - tolerance, false);
  return Math.max(0, mass);
}

/** Returns the least number that has at least a share of the mass at or below it. */
export function quantileOf({ bins, below }: Distribution, share: number): number {
  let [low, high] = [0, below.length - 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((below[middle + 1] as number) >= share) high = middle;
    else low = middle + 1;
  }
  const before = below[low] as number;
  const mass = (below[low + 1] as number) - before;
  return numberAt(bins, low, mass > 0 ? Math.min(1, Math.max(0, (share - before) / mass)) : 0);
}

/** Returns the median: the number with the least expected distance. */
export function medianOf(distribution: Distribution): number {
  return quantileOf(distribution, 0.5);
}

/** Computes the mean: the number with the least expected squared distance. */
export function meanOf({ bins, below }: Distribution): number {
  let sum = 0;
  for (let bin = 0; bin < below.length - 1; bin++) {
    sum += ((below[bin + 1] as number) - (below[bin] as number)) * binMean(bins, bin);
  }
  return sum;
}

function cumulative({ bins, below }: Distribution, value: number, isIncluded: boolean): number {
  const bin = binOf(bins, value);
  const before = below[bin] as number;
  return before + ((below[bin + 1] as number) - before) * shareBelow(bins, bin, value, isIncluded);
}
