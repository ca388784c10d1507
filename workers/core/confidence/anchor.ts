import type { Anchor } from "../head/anchor.ts";
import { argMax, type HeadWeights, scoresOf, softmax } from "../head/head.ts";
import { type FitData, logitsOfRow } from "../head/softmax-fit.ts";

/** Labels of a class below which a region may not unlearn it. */
export const anchorFewLabels = 20;

/** What a candidate does to the classes that its region hardly knows. */
export interface AnchorReport {
  /** Classes with fewer own labels than a region may unlearn. */
  classes: number[];
  /** The largest loss of recall among them, candidate against the head in use. */
  largestDrop: number;
  fault: string | null;
}

const maxDrop = 0.05;

/** Holds a candidate against the head in use on the anchor set, for classes of which the region has few labels. */
export function anchorFault(
  { start, classes, ownLabels }: Pick<FitData, "start" | "classes"> & { ownLabels: readonly number[] },
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
      ? `recall of class ${worst} on the anchor set falls by ${largestDrop.toFixed(3)}, and the region has few labels of it`
      : null;
  return { classes: few, largestDrop, fault };
}

type ScoresOf = (row: number) => ArrayLike<number>;

// From whole numbers of rows, so that a drop of exactly the most allowed is not more by rounding.
function recallDrop({ labels }: Anchor, label: number, before: ScoresOf, after: ScoresOf): number {
  const rows = labels.flatMap((one, row) => (one === label ? [row] : []));
  const hits = (scores: ScoresOf) => rows.filter((row) => argMax(scores(row)) === label).length;
  return rows.length === 0 ? 0 : (hits(before) - hits(after)) / rows.length;
}
