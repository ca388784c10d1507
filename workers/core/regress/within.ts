import type { Reading } from "../contract/index.ts";

/** A calibration of the mass within the tolerance. */
export type WithinCalibration = Reading["within"];

/** The calibration that changes nothing. */
export const uncalibratedWithin: WithinCalibration = { offset: 0, slope: 1 };

/** The prior standard deviation of the offset and of ln slope around the centre: 100 labels move them by about half. */
const deviation = 0.3;
/** Mass nearer to 0 or 1 counts as this: its logit must be finite. */
const floor = 1e-6;
const rounds = 20;
const halvings = 8;
const negligible = 1e-9;

/** Computes the probability that a value is within the tolerance, from the predicted mass there. Rises with the mass. */
export function calibratedWithin(mass: number, { offset, slope }: WithinCalibration): number {
  return 1 / (1 + Math.exp(-(offset + slope * logit(mass))));
}

/**
 * Calibrates the mass within the tolerance as a binary event, by logistic regression on its logit (Platt scaling) with
 * normal priors on offset and ln slope: soft labels widen predictions, so the mass is too low. The slope is positive, so
 * the order of answers never changes. Never raises the log-loss on the given events above that of `centre`.
 *
 * @param masses the predicted mass within the tolerance, in [0, 1]
 * @param hits whether the truth was within
 * @param centre the calibration without data, such as that of the global head
 */
export function calibrateWithin(
  masses: ArrayLike<number>,
  hits: ArrayLike<boolean>,
  centre: WithinCalibration = uncalibratedWithin,
): WithinCalibration {
  const logits = Float64Array.from(masses, logit);
  const start: Point = [centre.offset, Math.log(centre.slope)];
  const loss = (point: Point) => penalisedLoss(logits, hits, point, start);
  let at = start;
  let lowest = loss(at);
  for (let round = 0; round < rounds; round++) {
    const step = scoringStep(logits, hits, at, start);
    let share = 1;
    let next: Point = [at[0] - step[0], at[1] - step[1]];
    for (let halved = 0; halved < halvings && !(loss(next) < lowest); halved++) {
      share /= 2;
      next = [at[0] - share * step[0], at[1] - share * step[1]];
    }
    const reached = loss(next);
    if (!(reached < lowest)) break;
    const gain = lowest - reached;
    [at, lowest] = [next, reached];
    if (gain < negligible) break;
  }
  return { offset: at[0], slope: Math.exp(at[1]) };
}

/** Offset and ln slope. */
type Point = readonly [number, number];

function logit(mass: number): number {
  const inside = Math.min(1 - floor, Math.max(floor, mass));
  return Math.log(inside / (1 - inside));
}

function penalisedLoss(
  logits: Float64Array,
  hits: ArrayLike<boolean>,
  [offset, logSlope]: Point,
  start: Point,
): number {
  const slope = Math.exp(logSlope);
  let sum = ((offset - start[0]) ** 2 + (logSlope - start[1]) ** 2) / (2 * deviation ** 2);
  for (let i = 0; i < logits.length; i++) {
    const score = offset + slope * (logits[i] as number);
    // ln(1 + e^−s) of a hit, ln(1 + e^s) of a miss, without overflow.
    const signed = hits[i] ? -score : score;
    sum += Math.max(0, signed) + Math.log1p(Math.exp(-Math.abs(signed)));
  }
  return sum;
}

/** Computes gradient over expected curvature. */
function scoringStep(logits: Float64Array, hits: ArrayLike<boolean>, [offset, logSlope]: Point, start: Point): Point {
  const slope = Math.exp(logSlope);
  const precision = 1 / deviation ** 2;
  let [a, b] = [(offset - start[0]) * precision, (logSlope - start[1]) * precision];
  let [aa, ab, bb] = [precision, 0, precision];
  for (let i = 0; i < logits.length; i++) {
    const scaled = slope * (logits[i] as number);
    const p = 1 / (1 + Math.exp(-(offset + scaled)));
    const residual = p - (hits[i] ? 1 : 0);
    const weight = p * (1 - p);
    a += residual;
    b += residual * scaled;
    aa += weight;
    ab += weight * scaled;
    bb += weight * scaled * scaled;
  }
  const determinant = aa * bb - ab * ab;
  return [(bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant];
}
