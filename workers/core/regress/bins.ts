import type { Bins } from "../contract/index.ts";

/**
 * A position on the axis of bins: bin + the share of the bin's mass below. Inside a bin, mass is spread evenly; in the two
 * open end bins it falls off exponentially from the inner edge and ends at the outer one; an atom has all of it at one number.
 */
type Position = number;

/** Returns the number of bins. */
export function binCount({ edges }: Bins): number {
  return edges.length - 1;
}

/** Returns the bin of a number. The first and the last bin are open: they take whatever lies beyond. */
export function binOf({ edges }: Bins, value: number): number {
  let [low, high] = [0, edges.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (value >= (edges[middle] as number)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Returns the only number of a bin that is an atom; null for any other bin. */
export function atomOf({ atoms }: Bins, bin: number): number | null {
  return atoms?.[bin] ?? null;
}

/** Computes the position of a number. An atom, at any number of its bin, is in the middle. */
export function positionOf(bins: Bins, value: number): Position {
  const bin = binOf(bins, value);
  return atomOf(bins, bin) === null ? bin + shareBelow(bins, bin, value, true) : bin + 0.5;
}

/** Computes the share of a bin's mass that lies below a number, which is included where `isIncluded`. */
export function shareBelow(bins: Bins, bin: number, value: number, isIncluded: boolean): number {
  const atom = atomOf(bins, bin);
  if (atom !== null) return value > atom || (value === atom && isIncluded) ? 1 : 0;
  const { edges, tails } = bins;
  const [low, high] = [edges[bin] as number, edges[bin + 1] as number];
  const at = Math.min(high, Math.max(low, value));
  if (bin === 0) return 1 - tailShare(high - at, high - low, tails[0]);
  if (bin === edges.length - 2) return tailShare(at - low, high - low, tails[1]);
  return (at - low) / (high - low);
}

/** Returns the number that has a share of its bin's mass below it. */
export function numberAt(bins: Bins, bin: number, share: number): number {
  const atom = atomOf(bins, bin);
  if (atom !== null) return atom;
  const { edges, tails } = bins;
  const [low, high] = [edges[bin] as number, edges[bin + 1] as number];
  if (bin === 0) return high - tailDistance(1 - share, high - low, tails[0]);
  if (bin === edges.length - 2) return low + tailDistance(share, high - low, tails[1]);
  return low + share * (high - low);
}

/** Computes the mean of a bin's mass. */
export function binMean(bins: Bins, bin: number): number {
  const atom = atomOf(bins, bin);
  if (atom !== null) return atom;
  const { edges, tails } = bins;
  const [low, high] = [edges[bin] as number, edges[bin + 1] as number];
  if (bin === 0) return high - tailMean(high - low, tails[0]);
  if (bin === edges.length - 2) return low + tailMean(high - low, tails[1]);
  return (low + high) / 2;
}

// An exponential distribution of the distance from the inner edge, cut off at the outer edge.
function tailShare(distance: number, length: number, scale: number): number {
  return Math.expm1(-distance / scale) / Math.expm1(-length / scale);
}

function tailDistance(share: number, length: number, scale: number): number {
  return Math.min(length, -scale * Math.log1p(share * Math.expm1(-length / scale)));
}

function tailMean(length: number, scale: number): number {
  return scale + length / -Math.expm1(length / scale);
}
