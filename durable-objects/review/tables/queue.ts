import type { Answer, FlaggedQuestion, Instance, Opinion, ReviewQuestion } from "#core/contract/index.ts";
import type { LeaseRequest, NewReviewQuestion } from "../api.ts";

/** How long the holder who skipped a question gets others first. */
export const skipMs = 3600_000;
/** Instances in one reply, in bytes of JSON. The first one is returned whatever its size. */
export const leaseMaxBytes = 8 * 1024 * 1024;

/** A question in the queue. */
export interface QueuedQuestion {
  id: string;
  region: string;
  /** Null once the region has the label. */
  instance: Instance | null;
  provisional: Answer | null;
  opinions: Opinion[];
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

interface Row {
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

/** The tables `queue` and `skips`: questions for people, and who does not want to answer which. */
export class ReviewQueue {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Adds a question; false where it is in the queue already, and stays as it is. */
  add({ id, region, instance, provisional, opinions, traceparent = null }: NewReviewQuestion, now: number): boolean {
    const { rowsWritten } = this.sql.exec(
      `INSERT OR IGNORE INTO queue (id, region, instance, provisional, opinions, queuedAt, traceparent)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[id, region, JSON.stringify(instance), provisional && JSON.stringify(provisional)],
      ...[JSON.stringify(opinions), now, traceparent],
    );
    return rowsWritten > 0;
  }

  find(id: string): QueuedQuestion | null {
    const [row] = this.sql.exec<Row>("SELECT * FROM queue WHERE id = ?", id);
    return row ? decode(row) : null;
  }

  /** Leases the oldest questions that no one else holds; those that the holder skipped only where nothing else is left. */
  lease(request: LeaseRequest, now: number): ReviewQuestion[] {
    const fresh = this.free(request, now, "s.until IS NULL", "queuedAt, id");
    const rows = fresh.length > 0 ? fresh : this.free(request, now, "s.until IS NOT NULL", "s.until, id");
    return rows.map((row) => {
      // If the holder has a longer lease already, it stays.
      const leaseUntil = Math.max(row.leaseUntil, now + request.leaseMs);
      this.sql.exec("UPDATE queue SET leasedBy = ?, leaseUntil = ? WHERE id = ?", request.holder, leaseUntil, row.id);
      return { ...shown(row), leaseUntil };
    });
  }

  setLabel(id: string, label: string, holder: string, correctUntil: number, traceparent: string): void {
    const query = `UPDATE queue SET label = ?, answeredBy = ?, correctUntil = coalesce(correctUntil, ?), traceparent = ?
      WHERE id = ?`;
    this.sql.exec(query, label, holder, correctUntil, traceparent, id);
  }

  /** Deletes all of a question but its label: its region has the rest. */
  clear(id: string): void {
    const query = "UPDATE queue SET instance = 'null', provisional = NULL, opinions = '[]' WHERE id = ?";
    this.sql.exec(query, id);
  }

  skip(id: string, holder: string, now: number): void {
    this.endLease(id);
    this.sql.exec("DELETE FROM skips WHERE until <= ?", now);
    this.sql.exec("INSERT OR REPLACE INTO skips VALUES (?, ?, ?)", id, holder, now + skipMs);
  }

  flag(id: string, holder: string, reason: string, now: number): void {
    this.endLease(id);
    const query = "UPDATE queue SET flaggedAt = ?, flaggedBy = ?, flagReason = ? WHERE id = ?";
    this.sql.exec(query, now, holder, reason, id);
  }

  /** Lists flagged questions without a label, the newest first. */
  flagged(regions: string[] | null, limit: number): FlaggedQuestion[] {
    const rows = this.sql.exec<Row>(
      `SELECT * FROM queue WHERE flaggedAt IS NOT NULL AND label IS NULL AND ${inRegions}
       ORDER BY flaggedAt DESC, id LIMIT ?2`,
      ...[regions && JSON.stringify(regions), limit],
    );
    return withinBytes(rows).map((row) => {
      const { flaggedAt, flaggedBy, flagReason } = row;
      return {
        ...shown(row),
        flaggedAt: flaggedAt as number,
        flaggedBy: flaggedBy as string,
        reason: flagReason as string,
      };
    });
  }

  remove(id: string): void {
    this.sql.exec("DELETE FROM queue WHERE id = ?", id);
    this.sql.exec("DELETE FROM skips WHERE id = ?", id);
  }

  removeRegion(region: string): void {
    this.sql.exec("DELETE FROM skips WHERE id IN (SELECT id FROM queue WHERE region = ?)", region);
    this.sql.exec("DELETE FROM queue WHERE region = ?", region);
  }

  /** Counts the questions that wait for a person. */
  waiting(): number {
    return this.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM queue WHERE ${waiting}`).one().n;
  }

  private free(
    { holder, regions, limit }: LeaseRequest,
    now: number,
    skipped: string,
    order: string,
  ): QueuedQuestion[] {
    const rows = this.sql.exec<Row>(
      `SELECT queue.* FROM queue LEFT JOIN skips s ON s.id = queue.id AND s.holder = ?3 AND s.until > ?2
       WHERE ${waiting} AND (leaseUntil <= ?2 OR leasedBy = ?3) AND ${inRegions} AND ${skipped}
       ORDER BY ${order} LIMIT ?4`,
      ...[regions && JSON.stringify(regions), now, holder, limit],
    );
    return withinBytes(rows);
  }

  private endLease(id: string): void {
    this.sql.exec("UPDATE queue SET leasedBy = NULL, leaseUntil = 0 WHERE id = ?", id);
  }
}

// One reply is held in memory as a whole.
function withinBytes(rows: Iterable<Row>): QueuedQuestion[] {
  const taken: QueuedQuestion[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += row.instance.length;
    if (taken.length > 0 && bytes > leaseMaxBytes) break;
    taken.push(decode(row));
  }
  return taken;
}

/** A question as people see it. */
function shown({ id, region, instance, provisional, opinions, queuedAt }: QueuedQuestion) {
  return { id, region, instance: instance as Instance, provisional, opinions, queuedAt };
}

function decode(row: Row): QueuedQuestion {
  return {
    ...row,
    instance: JSON.parse(row.instance),
    provisional: row.provisional === null ? null : JSON.parse(row.provisional),
    opinions: JSON.parse(row.opinions),
  };
}
