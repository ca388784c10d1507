import type { RegionRun } from "#client/index.ts";
import { type Folded, foldEqual } from "#console/parts/fold.ts";

/** Folds equal retrains in a row, newest first. Figures in their reasons may differ. */
export function foldRuns(runs: readonly RegionRun[]): Folded<RegionRun>[] {
  return foldEqual(runs, keyOf);
}

function keyOf({ base, status, reason, id }: RegionRun): string {
  // Each new head and each failure is worth a line.
  if (status === "promoted" || status === "running") return id;
  return `${base} ${status} ${reason?.replace(/[-+−]?\d[\d.,]*/g, "#")}`;
}
