import type { ReviewRefusal } from "./api.ts";
import type { QueueRow } from "./queue.ts";

/** Why `holder` may not give this label now; null where it may, be it for the first time, again, or as a correction. */
export function refuseLabel(row: QueueRow | null, label: string, holder: string, now: number): ReviewRefusal | null {
  if (!row) return { kind: "unknown" };
  if (row.label !== null) {
    const mayCorrect = row.answeredBy === holder && (row.correctUntil ?? 0) > now;
    return row.label === label || mayCorrect ? null : { kind: "answered", label: row.label };
  }
  return refuseHeld(row, holder, now);
}

/** Why `holder` may not skip a question now: only what it holds can be given back. */
export function refuseSkip(row: QueueRow | null, holder: string): ReviewRefusal | null {
  return refuseDone(row) ?? (row?.leasedBy === holder ? null : { kind: "not-leased" });
}

/** Why `holder` may not flag a question now. */
export function refuseFlag(row: QueueRow | null, holder: string, now: number): ReviewRefusal | null {
  return refuseDone(row) ?? refuseHeld(row as QueueRow, holder, now);
}

function refuseDone(row: QueueRow | null): ReviewRefusal | null {
  if (!row) return { kind: "unknown" };
  if (row.label !== null) return { kind: "answered", label: row.label };
  return row.flagReason === null ? null : { kind: "flagged", reason: row.flagReason };
}

function refuseHeld({ leasedBy, leaseUntil }: QueueRow, holder: string, now: number): ReviewRefusal | null {
  return leasedBy !== holder && leaseUntil > now ? { kind: "leased" } : null;
}
