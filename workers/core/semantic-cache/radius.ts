import { binomialTail } from "../confidence/binomial.ts";
import { isWithin } from "../regress/read.ts";
import { agreedLabel } from "./agreed-label.ts";
import type { Neighbour } from "./neighbour-index.ts";

/** An escalated question whose label is known, with its nearest neighbours in the cache. */
export interface LabelledNeighbours {
  neighbours: readonly Neighbour[];
  label: number;
}

/** The error of a radius on the calibration split. */
export interface RadiusReport {
  /** The least similarity that is near enough, a cosine. */
  radius: number;
  /** How many questions of calibration the cache would answer. */
  answered: number;
  /** How many of these answers are wrong. */
  errors: number;
  /** The cache answers nothing until this is true. */
  certified: boolean;
  reason: string;
}

/** The radii to choose from, strictest first. */
export const radiusGrid = [
  0.9999, 0.9995, 0.999, 0.998, 0.996, 0.994, 0.992, 0.99, 0.985, 0.98, 0.97, 0.96, 0.95, 0.93, 0.9, 0.85, 0.8,
] as const;

// A radius whose error equals the target is hardly ever certified; half of the target leaves room for the test.
const headroom = 0.5;

/**
 * Chooses the radius of the grid that answers most validation questions with an error of at most half the target, the
 * stricter of two that answer as many; null if there is none. A laxer radius may answer fewer, since all near neighbours have
 * to agree.
 *
 * @param tolerance how far numbers may be off; null for classes
 */
export function chooseRadius(
  validation: readonly LabelledNeighbours[],
  targetRisk: number,
  tolerance: number | null = null,
): number | null {
  let chosen: number | null = null;
  let most = 0;
  for (const radius of radiusGrid) {
    const { answered, errors } = countAnswers(validation, radius, tolerance);
    if (answered <= most || errors > headroom * targetRisk * answered) continue;
    chosen = radius;
    most = answered;
  }
  return chosen;
}

/**
 * Tests whether the error of answers from the cache at one radius, chosen without these questions, is at most
 * `targetRisk` with confidence 1 − delta: the exact binomial test on calibration's escalated questions, taken as independent.
 */
export function certifyRadius(
  radius: number,
  calibration: readonly LabelledNeighbours[],
  options: { targetRisk: number; delta: number; tolerance?: number | null },
): RadiusReport {
  const { targetRisk, delta, tolerance = null } = options;
  const { answered, errors } = countAnswers(calibration, radius, tolerance);
  // P(this few errors or fewer) if the risk were equal to the target.
  const certified = answered > 0 && binomialTail(errors, answered, targetRisk) <= delta;
  const needed = Math.ceil(Math.log(delta) / Math.log1p(-targetRisk));
  const counts = `${errors} of ${answered} answers from the cache are wrong`;
  const reason = certified
    ? `${counts}: error at most ${targetRisk} with confidence ${1 - delta}`
    : answered < needed
      ? `${counts}: a certificate needs at least ${needed} without an error`
      : `${counts}: error not proven to be at most ${targetRisk}`;
  return { radius, answered, errors, certified, reason };
}

function countAnswers(
  questions: readonly LabelledNeighbours[],
  radius: number,
  tolerance: number | null,
): { answered: number; errors: number } {
  let answered = 0;
  let errors = 0;
  for (const { neighbours, label } of questions) {
    const answer = agreedLabel(neighbours, radius, tolerance);
    if (answer === null) continue;
    answered++;
    if (tolerance === null ? answer.label !== label : !isWithin(answer.label, label, tolerance)) errors++;
  }
  return { answered, errors };
}
