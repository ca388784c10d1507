import type { LabelledSample } from "#origin/learn/mix.ts";
import type { Row } from "#origin/recipes/index.ts";

export const dayMs = 24 * 3600_000;

/** A row of a recipe as a region's sample: labelled by truth, a day later, and in the calibration split. */
export function sampleOf({ region, instance, label, at }: Row, change: Partial<LabelledSample> = {}): LabelledSample {
  return {
    ...{ region, id: `${region}-${at}`, revision: 1, instance, label, source: "truth", at, labelledAt: at + dayMs },
    ...{ split: "calibration", groupKey: "x", inclusionProbability: 1 },
    ...change,
  };
}
