import { binomialTail } from "../confidence/binomial.ts";
import { cachedLabel } from "./look-up.ts";
import type { Neighbour } from "./memory.ts";

/** An escalated question whose label is known, with what memory holds near it. */
export interface Remembered {
  neighbours: readonly Neighbour[];
  label: number;
}

/** What calibration says of a radius. */
export interface RadiusReport {
  /** The least similarity that is near enough, a cosine. */
  radius: number;
  /** How many questions of calibration would be recalled. */
  fromCache: number;
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
export function chooseRadius(validation: readonly Remembered[], targetRisk: number): number | null {
  let chosen: number | null = null;
  let most = 0;
  for (const radius of radiusGrid) {
    const { fromCache, errors } = countFromCache(validation, radius);
    if (fromCache <= most || errors > headroom * targetRisk * fromCache) continue;
    chosen = radius;
    most = fromCache;
  }
  return chosen;
}

/**
 * Whether the error of what is recalled at one radius, chosen without these questions, is at most `targetRisk` with
 * confidence 1 − delta: the exact binomial test on calibration's escalated questions, taken as independent.
 */
export function certifyRadius(
  radius: number,
  calibration: readonly Remembered[],
  options: { targetRisk: number; delta: number },
): RadiusReport {
  const { targetRisk, delta } = options;
  const { fromCache, errors } = countFromCache(calibration, radius);
  // P(at most this few errors), were the risk as high as the target.
  const certified = fromCache > 0 && binomialTail(errors, fromCache, targetRisk) <= delta;
  const needed = Math.ceil(Math.log(delta) / Math.log1p(-targetRisk));
  const counts = `${errors} of ${fromCache} recalled answers are wrong`;
  const reason = certified
    ? `${counts}: at most ${targetRisk} with ${1 - delta} confidence`
    : fromCache < needed
      ? `${counts}; ${needed} without an error are needed at least`
      : `${counts}: not surely at most ${targetRisk}`;
  return { radius, fromCache, errors, certified, reason };
}

function countFromCache(questions: readonly Remembered[], radius: number): { fromCache: number; errors: number } {
  let fromCache = 0;
  let errors = 0;
  for (const { neighbours, label } of questions) {
    const answer = cachedLabel(neighbours, radius);
    if (answer === null) continue;
    fromCache++;
    if (answer.label !== label) errors++;
  }
  return { fromCache, errors };
}
