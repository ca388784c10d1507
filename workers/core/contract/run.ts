/** How a retrain ended; `running` until it does. */
export type RunStatus = "running" | "promoted" | "refused" | "skipped" | "failed";

/** One retrain of a region's head, as it is reported. */
export interface Run {
  id: string;
  base: number;
  status: RunStatus;
  reason: string | null;
  report: Record<string, unknown> | null;
  /** Data time up to which it learns, ms since 1970. */
  at: number;
  startedAt: number;
  finishedAt: number | null;
}
