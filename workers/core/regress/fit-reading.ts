import type { NumberTask, Reading } from "../contract/index.ts";
import { type Label, numberIn } from "../head/label.ts";
import { distributionOf, probabilityWithin } from "./distribution.ts";
import { type ConformityScore, conformityOf, reachFor } from "./interval.ts";
import { answeredValue, isWithin } from "./read.ts";
import { calibrateWithin, type WithinCalibration } from "./within.ts";

/** Labelled rows that a head was not fitted on: its scores of bins, their labels and their group keys. */
export interface ScoredRows {
  scores: readonly ArrayLike<number>[];
  labels: readonly Label[];
  groups: readonly string[];
}

/** Calibrates the mass within the tolerance on labelled rows. `centre`: the calibration without rows; none unless given. */
export function fitWithin(
  { bins, tolerance }: Pick<NumberTask, "bins" | "tolerance">,
  { scores, labels }: Pick<ScoredRows, "scores" | "labels">,
  centre?: WithinCalibration,
): WithinCalibration {
  const masses = new Float64Array(scores.length);
  const hits = scores.map((row, i) => {
    const distribution = distributionOf(bins, row);
    const value = answeredValue(distribution, tolerance);
    masses[i] = probabilityWithin(distribution, value, tolerance);
    return isWithin(value, numberIn(labels[i] as Label), tolerance);
  });
  return calibrateWithin(masses, hits, centre);
}

/** Finds how far intervals reach; null where the rows have too few groups. */
export function fitReach(
  { bins, coverage }: Pick<NumberTask, "bins" | "coverage">,
  rows: ScoredRows,
): Reading["reach"] {
  const found = rows.scores.map((row, i): ConformityScore => {
    const score = conformityOf(distributionOf(bins, row), numberIn(rows.labels[i] as Label));
    return { score, group: rows.groups[i] as string };
  });
  return reachFor(found, coverage);
}
