import { percent } from "../format.ts";
import type { Verdict } from "./window.ts";

/** Says what a window's labels prove, and what is missing. */
export function verdictReason({ status, mean, bound, labelsNeeded }: Verdict, targetRisk: number): string {
  if (status === "valid") return `error at most ${percent(bound)}`;
  if (mean === null) return "no label of an accepted question yet";
  const needed =
    labelsNeeded === null
      ? "cannot be certified: the error is above the target"
      : `${labelsNeeded} more labels are needed`;
  return `error ${percent(mean)}, at most ${percent(bound)}; the target is ${percent(targetRisk)}; ${needed}`;
}

const dayMs = 24 * 3600_000;

/** Estimates the day on which a pending certificate has its labels, at the rate at which they came so far. */
export function expectedDay(known: {
  labels: number;
  labelsNeeded: number | null;
  from: number;
  newest: number;
}): string | null {
  const { labels, labelsNeeded, from, newest } = known;
  if (!labelsNeeded || labels === 0) return null;
  const perLabel = Math.max(dayMs, newest - from) / labels;
  const at = newest + labelsNeeded * perLabel;
  return at < 8.64e15 ? dayOf(at) : null;
}

/** Formats a time as an ISO date. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
