import type { NumberTask, Reading } from "../contract/index.ts";
import { type Distribution, distributionOf, meanOf, medianOf, probabilityWithin } from "./distribution.ts";
import { intervalOf } from "./interval.ts";
import { calibratedWithin, uncalibratedWithin } from "./within.ts";

/** A predicted number. */
export interface PredictedNumber {
  /** The median. */
  value: number;
  mean: number;
  interval: [low: number, high: number] | null;
  /** The calibrated probability that the truth is at most the tolerance away from `value`. */
  confidence: number;
}

/** The reading of a head that nothing has calibrated. */
export const unread: Reading = { within: uncalibratedWithin, reach: null };

/** An answer has at least two digits more than the tolerance. */
const digitsBeyondTolerance = 2;
/** 24.3 − 21.3 is 3.0000000000000004. */
const rounding = 1e-9;

/** Reads scores of bins as a number. Values are rounded to a hundredth of the tolerance or less, intervals outwards. */
export function readNumber(
  { bins, tolerance }: Pick<NumberTask, "bins" | "tolerance">,
  { within, reach }: Reading,
  scores: ArrayLike<number>,
): PredictedNumber {
  const distribution = distributionOf(bins, scores);
  const value = answeredValue(distribution, tolerance);
  const ends = reach === null ? null : intervalOf(distribution, reach);
  return {
    value,
    mean: rounded(meanOf(distribution), tolerance),
    interval: ends && [rounded(ends[0], tolerance, Math.floor), rounded(ends[1], tolerance, Math.ceil)],
    confidence: calibratedWithin(probabilityWithin(distribution, value, tolerance), within),
  };
}

/** Returns the median of a distribution as it is answered. */
export function answeredValue(distribution: Distribution, tolerance: number): number {
  return rounded(medianOf(distribution), tolerance);
}

/** Tells whether a value counts as right. */
export function isWithin(value: number, truth: number, tolerance: number): boolean {
  return Math.abs(value - truth) <= tolerance * (1 + rounding) + rounding * rounding * Math.abs(truth);
}

function rounded(value: number, tolerance: number, to: (value: number) => number = Math.round): number {
  const digits = digitsBeyondTolerance - Math.floor(Math.log10(tolerance));
  // Powers of ten are exact, their reciprocals are not.
  const scale = 10 ** Math.abs(digits);
  const result = digits >= 0 ? to(value * scale) / scale : to(value / scale) * scale;
  return Number.isFinite(result) ? result + 0 : value;
}
