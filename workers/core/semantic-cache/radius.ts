import { binomialTail } from "../confidence/binomial.ts";
import { agreedLabel } from "./agreed-label.ts";
import type { Neighbour } from "./neighbour-index.ts";

/** An escalated question whose label is known, with what memory holds near it. */
export interface LabelledNeighbours {
  neighbours: readonly Neighbour[];
  label: number;
}

/** What calibration says of a radius. */
export interface RadiusReport {
  /** The least similarity that is near enough, a cosine. */
  radius: number;
  /** How many questions of calibration would be recalled. */
  answered: number;
  /** How many of these wrongly. */
  errors: number;
  /** Recall is off until this is true. */
  certified: boolean;
  reason: string;
}

/** The radii that may be chosen, strictest first. */
export const radiusGrid = [
  0.9999, 0.9995, 0.999, 0.998, 0.996, 0.994, 0.992, 0.99, 0.985, 0.98, 0.97, 0.96, 0.95, 0.93, 0.9, 0.85, 0.8,
] as const;

// A radius whose error is just the target is hardly ever certified: half of it leaves room for the proof.
const headroom = 0.5;

/**
 * The radius of the grid that recalls most of validation's questions with an error of at most half the target, the stricter
 * of two that recall as many; null where none does. A laxer one may recall fewer: all that is near has to agree.
 */
export function chooseRadius(validation: readonly LabelledNeighbours[], targetRisk: number): number | null {
  let chosen: number | null = null;
  let most = 0;
  for (const radius of radiusGrid) {
    const { answered, errors } = countAnswers(validation, radius);
    if (answered <= most || errors > headroom * targetRisk * answered) continue;
    chosen = radius;
    most = answered;
  }
  return chosen;
}

/**
 * Whether the error of what is recalled at one radius, chosen without these questions, is at most `targetRisk` with
 * confidence 1 − delta: the exact binomial test on calibration's escalated questions, taken as independent.
 */
export function certifyRadius(
  radius: number,
  calibration: readonly LabelledNeighbours[],
  options: { targetRisk: number; delta: number },
): RadiusReport {
  const { targetRisk, delta } = options;
  const { answered, errors } = countAnswers(calibration, radius);
  // P(at most this few errors), were the risk as high as the target.
  const certified = answered > 0 && binomialTail(errors, answered, targetRisk) <= delta;
  const needed = Math.ceil(Math.log(delta) / Math.log1p(-targetRisk));
  const counts = `${errors} of ${answered} recalled answers are wrong`;
  const reason = certified
    ? `${counts}: at most ${targetRisk} with ${1 - delta} confidence`
    : answered < needed
      ? `${counts}; ${needed} without an error are needed at least`
      : `${counts}: not surely at most ${targetRisk}`;
  return { radius, answered, errors, certified, reason };
}

function countAnswers(questions: readonly LabelledNeighbours[], radius: number): { answered: number; errors: number } {
  let answered = 0;
  let errors = 0;
  for (const { neighbours, label } of questions) {
    const answer = agreedLabel(neighbours, radius);
    if (answer === null) continue;
    answered++;
    if (answer.label !== label) errors++;
  }
  return { answered, errors };
}
