import type { RegionRun } from "#client/index.ts";

/** Retrains in a row that ended equally: the last of them, how many they are, and the data time of the first. */
export interface FoldedRuns {
  run: RegionRun;
  times: number;
  firstAt: number;
}

/** Folds equal retrains in a row, newest first. Figures in their reasons may differ. */
export function foldRuns(runs: readonly RegionRun[]): FoldedRuns[] {
  const folded: FoldedRuns[] = [];
  for (const run of runs) {
    const last = folded.at(-1);
    if (last && keyOf(last.run) === keyOf(run)) {
      last.times++;
      last.firstAt = run.at;
    } else folded.push({ run, times: 1, firstAt: run.at });
  }
  return folded;
}

function keyOf({ base, status, reason, id }: RegionRun): string {
  // Each new head and each failure is worth a line.
  if (status === "promoted" || status === "running") return id;
  return `${base} ${status} ${reason?.replace(/[-+−]?\d[\d.,]*/g, "#")}`;
}
