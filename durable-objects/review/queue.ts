import type { FlaggedQuestion, Instance, ReviewQuestion } from "#core/contract/index.ts";
import type { LeaseRequest, NewReviewQuestion } from "./api.ts";

/** How long the holder who skipped a question gets others first. */
export const skipMs = 3600_000;
/** Instances in one reply, in bytes of JSON. The first one is returned whatever its size. */
export const leaseMaxBytes = 8 * 1024 * 1024;

export interface QueueRow {
  [column: string]: SqlStorageValue;
  id: string;
  region: string;
  instance: string;
  provisional: string | null;
  opinions: string;
  queuedAt: number;
  leasedBy: string | null;
  leaseUntil: number;
  label: string | null;
  answeredBy: string | null;
  correctUntil: number | null;
  flaggedAt: number | null;
  flaggedBy: string | null;
  flagReason: string | null;
  traceparent: string | null;
}

const waiting = "label IS NULL AND flaggedAt IS NULL";
const inRegions = "(?1 IS NULL OR region IN (SELECT value FROM json_each(?1)))";

/** The tables `queue` and `skips`. */
export class ReviewQueue {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Takes a question in; false where it is there already: then it stays as it is. */
  add({ id, region, instance, provisional, opinions, traceparent = null }: NewReviewQuestion, now: number): boolean {
    const { rowsWritten } = this.sql.exec(
      `INSERT OR IGNORE INTO queue (id, region, instance, provisional, opinions, queuedAt, traceparent)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[id, region, JSON.stringify(instance), provisional && JSON.stringify(provisional)],
      ...[JSON.stringify(opinions), now, traceparent],
    );
    return rowsWritten > 0;
  }

  find(id: string): QueueRow | null {
    return this.sql.exec<QueueRow>("SELECT * FROM queue WHERE id = ?", id).toArray()[0] ?? null;
  }

  /** Hands out the oldest questions that nobody else holds; what the holder skipped only where nothing else is left. */
  lease(request: LeaseRequest, now: number): ReviewQuestion[] {
    const fresh = this.free(request, now, "s.until IS NULL", "queuedAt, id");
    const rows = fresh.length > 0 ? fresh : this.free(request, now, "s.until IS NOT NULL", "s.until, id");
    return rows.map((row) => {
      // A longer lease that the holder has already goes on.
      const leaseUntil = Math.max(row.leaseUntil, now + request.leaseMs);
      this.sql.exec("UPDATE queue SET leasedBy = ?, leaseUntil = ? WHERE id = ?", request.holder, leaseUntil, row.id);
      return { ...itemOf(row), queuedAt: row.queuedAt, leaseUntil };
    });
  }

  private free({ holder, regions, limit }: LeaseRequest, now: number, skipped: string, order: string): QueueRow[] {
    const rows = this.sql.exec<QueueRow>(
      `SELECT queue.* FROM queue LEFT JOIN skips s ON s.id = queue.id AND s.holder = ?3 AND s.until > ?2
       WHERE ${waiting} AND (leaseUntil <= ?2 OR leasedBy = ?3) AND ${inRegions} AND ${skipped}
       ORDER BY ${order} LIMIT ?4`,
      ...[regions && JSON.stringify(regions), now, holder, limit],
    );
    return asFarAsFits(rows);
  }

  setLabel(id: string, label: string, holder: string, correctUntil: number, traceparent: string): void {
    const query = `UPDATE queue SET label = ?, answeredBy = ?, correctUntil = coalesce(correctUntil, ?), traceparent = ?
      WHERE id = ?`;
    this.sql.exec(query, label, holder, correctUntil, traceparent, id);
  }

  /** Lets go of all but the label: its region has the rest. */
  empty(id: string): void {
    const query = "UPDATE queue SET instance = 'null', provisional = NULL, opinions = '[]' WHERE id = ?";
    this.sql.exec(query, id);
  }

  skip(id: string, holder: string, now: number): void {
    this.giveBack(id);
    this.sql.exec("DELETE FROM skips WHERE until <= ?", now);
    this.sql.exec("INSERT OR REPLACE INTO skips VALUES (?, ?, ?)", id, holder, now + skipMs);
  }

  flag(id: string, holder: string, reason: string, now: number): void {
    this.giveBack(id);
    const query = "UPDATE queue SET flaggedAt = ?, flaggedBy = ?, flagReason = ? WHERE id = ?";
    this.sql.exec(query, now, holder, reason, id);
  }

  private giveBack(id: string): void {
    this.sql.exec("UPDATE queue SET leasedBy = NULL, leaseUntil = 0 WHERE id = ?", id);
  }

  /** What was flagged and has no label, the newest first. */
  flagged(regions: string[] | null, limit: number): FlaggedQuestion[] {
    const rows = this.sql.exec<QueueRow>(
      `SELECT * FROM queue WHERE flaggedAt IS NOT NULL AND label IS NULL AND ${inRegions}
       ORDER BY flaggedAt DESC, id LIMIT ?2`,
      ...[regions && JSON.stringify(regions), limit],
    );
    return asFarAsFits(rows).map((row) => ({
      ...{ ...itemOf(row), queuedAt: row.queuedAt, flaggedAt: row.flaggedAt as number },
      ...{ flaggedBy: row.flaggedBy as string, reason: row.flagReason as string },
    }));
  }

  remove(id: string): void {
    this.sql.exec("DELETE FROM queue WHERE id = ?", id);
    this.sql.exec("DELETE FROM skips WHERE id = ?", id);
  }

  removeRegion(region: string): void {
    this.sql.exec("DELETE FROM skips WHERE id IN (SELECT id FROM queue WHERE region = ?)", region);
    this.sql.exec("DELETE FROM queue WHERE region = ?", region);
  }

  waiting(): number {
    return this.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM queue WHERE ${waiting}`).one().n;
  }
}

// What goes out at once is held in memory by whoever hands it on.
function asFarAsFits(rows: Iterable<QueueRow>): QueueRow[] {
  const taken: QueueRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += row.instance.length;
    if (taken.length > 0 && bytes > leaseMaxBytes) break;
    taken.push(row);
  }
  return taken;
}

function itemOf({ id, region, instance, provisional, opinions }: QueueRow): Omit<NewReviewQuestion, "traceparent"> {
  return {
    id,
    region,
    instance: JSON.parse(instance) as Instance,
    provisional: provisional === null ? null : JSON.parse(provisional),
    opinions: JSON.parse(opinions),
  };
}
