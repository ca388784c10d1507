import type { ClassifyManifest, Reading } from "#core/contract/index.ts";
import { softmax } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import { logitsOfRow } from "#core/head/softmax-fit.ts";
import { fitReach, fitWithin } from "#core/regress/fit-reading.ts";
import type { ServableCandidate } from "./candidates.ts";
import type { RunData, SampleRows } from "./data.ts";

/** Rows that a reading is fitted on at most, the newest. */
const readingMaxRows = 4_000;

/**
 * Fits how a region's head is read as numbers, on rows that it was not fitted on: `validation`, and `train` by the heads
 * that left each row out. Starts at the global head's reading, which few labels move little; its intervals stay until there
 * are enough groups. Returns undefined for a classifier.
 */
export function fitReading(
  { number, thin, policy }: Pick<ClassifyManifest, "number" | "thin" | "policy">,
  { train, validation, classes, start }: RunData,
  { head, crossFitted }: Pick<ServableCandidate, "head" | "crossFitted">,
): Reading | undefined {
  if (!number || !thin.reading || !policy.learning.includes("calibration")) return thin.reading;
  const rowsOf = (rows: SampleRows, by: (row: number) => Float32Array) =>
    rows.labels.flatMap((label, row) => (rows.mayJudge[row] ? [{ rows, row, label, by: by(row) }] : []));
  const all = [
    ...rowsOf(train, (row) => crossFitted[train.folds[row] as number] ?? start),
    ...rowsOf(validation, () => head),
  ].slice(-readingMaxRows);
  const held = {
    scores: all.map(({ rows, row, by }) => softmax(logitsOfRow(rows.inputs, row, by, classes), 1)),
    labels: all.map(({ label }): Label => label),
    groups: all.map(({ rows, row }) => rows.groupKeys[row] as string),
  };
  return {
    within: fitWithin(number, held, thin.reading.within),
    reach: fitReach(number, held) ?? thin.reading.reach,
  };
}
