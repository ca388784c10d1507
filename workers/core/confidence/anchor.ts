import type { Anchor } from "../head/anchor.ts";
import { argMax, type HeadWeights, scoresOf, softmax } from "../head/head.ts";
import { type FitData, logitsOfRow } from "../head/softmax-fit.ts";

/** A region with fewer labels of a class than this may not lower its recall. */
export const anchorFewLabels = 20;

/** How a candidate changes recall of the classes of which its region has few labels. */
export interface AnchorReport {
  /** Classes of which the region has too few labels to lower their recall. */
  classes: number[];
  /** The largest decrease in recall among them, from the head in use to the candidate. */
  largestDrop: number;
  fault: string | null;
}

const maxDrop = 0.05;

/** Compares a candidate's recall on the anchor set with that of the head in use, for classes with few regional labels. */
export function anchorFault(
  {
    start,
    classes,
    ownLabels,
    labels,
  }: Pick<FitData, "start" | "classes"> & { ownLabels: readonly number[]; labels: readonly string[] },
  anchor: Anchor,
  candidate: Float32Array,
  current: HeadWeights | null,
): AnchorReport {
  const few = ownLabels.flatMap((n, label) => (n < anchorFewLabels ? [label] : []));
  const width = start.length / classes;
  const before = (row: number) =>
    current
      ? scoresOf(current, anchor.inputs, row * width)
      : softmax(logitsOfRow(anchor.inputs, row, start, classes), 1);
  const after = (row: number) => logitsOfRow(anchor.inputs, row, candidate, classes);
  const drops = few.map((label) => recallDrop(anchor, label, before, after));
  const largestDrop = Math.max(0, ...drops);
  const worst = few[drops.indexOf(largestDrop)];
  const fault =
    largestDrop > maxDrop
      ? `recall of '${labels[worst as number]}' on the anchor set falls by ${(100 * largestDrop).toFixed(1)} points; the region has fewer than ${anchorFewLabels} such labels`
      : null;
  return { classes: few, largestDrop, fault };
}

type ScoresOf = (row: number) => ArrayLike<number>;

// Divides a difference of whole numbers, so that rounding does not push a drop of exactly `maxDrop` over it.
function recallDrop({ labels }: Anchor, label: number, before: ScoresOf, after: ScoresOf): number {
  const rows = labels.flatMap((one, row) => (one === label ? [row] : []));
  const hits = (scores: ScoresOf) => rows.filter((row) => argMax(scores(row)) === label).length;
  return rows.length === 0 ? 0 : (hits(before) - hits(after)) / rows.length;
}
