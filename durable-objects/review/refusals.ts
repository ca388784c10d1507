import type { ReviewRefusal } from "./api.ts";
import type { QueuedQuestion } from "./tables/queue.ts";

/** How long a person may correct a label. */
export const correctionMs = 10 * 60_000;

/** What decides whether a holder may act on a question. */
type Held = Pick<
  QueuedQuestion,
  "label" | "answeredBy" | "correctUntil" | "leasedBy" | "leaseUntil" | "flagReason" | "candidates"
>;

/** Returns why `holder` may not give this label now; null where it may: as the first label, as a repeat, or as a correction. */
export function refuseLabel(row: Held | null, label: string, holder: string, now: number): ReviewRefusal | null {
  if (!row) return { kind: "unknown" };
  const { candidates } = row;
  if (candidates && !candidates.includes(label)) return { kind: "not-a-candidate", label, candidates };
  if (row.label !== null) {
    const mayCorrect = row.answeredBy === holder && (row.correctUntil ?? 0) > now;
    return row.label === label || mayCorrect ? null : { kind: "answered", label: row.label };
  }
  return refuseLeased(row, holder, now);
}

/** Returns why `holder` may not skip a question: it can only skip one that it leases. */
export function refuseSkip(row: Held | null, holder: string): ReviewRefusal | null {
  return refuseClosed(row) ?? (row?.leasedBy === holder ? null : { kind: "not-leased" });
}

/** Returns why `holder` may not flag a question now. */
export function refuseFlag(row: Held | null, holder: string, now: number): ReviewRefusal | null {
  return refuseClosed(row) ?? (row && refuseLeased(row, holder, now));
}

function refuseClosed(row: Held | null): ReviewRefusal | null {
  if (!row) return { kind: "unknown" };
  if (row.label !== null) return { kind: "answered", label: row.label };
  return row.flagReason === null ? null : { kind: "flagged", reason: row.flagReason };
}

function refuseLeased({ leasedBy, leaseUntil }: Held, holder: string, now: number): ReviewRefusal | null {
  return leasedBy !== holder && leaseUntil > now ? { kind: "leased" } : null;
}
