import type { Answer, FlaggedQuestion, Instance, Opinion, ReviewQuestion } from "#core/contract/index.ts";
import { defaulted, flag, json, nullable, number, type RowOf, table, text } from "../../table.ts";
import type { LeaseRequest, NewReviewQuestion } from "../api.ts";

/** How long the holder who skipped a question gets others first. */
export const skipMs = 3600_000;
/** Instances in one reply, in bytes of JSON. The first one is returned whatever its size. */
export const leaseMaxBytes = 8 * 1024 * 1024;

const queue = table("queue", {
  id: text(),
  region: text(),
  /** Null once the region has the label. */
  instance: json<Instance | null>(),
  provisional: nullable(json<Answer>()),
  opinions: json<Opinion[]>(),
  queuedAt: number(),
  leasedBy: nullable(text()),
  leaseUntil: defaulted(number()),
  label: nullable(text()),
  answeredBy: nullable(text()),
  correctUntil: nullable(number()),
  flaggedAt: nullable(number()),
  flaggedBy: nullable(text()),
  flagReason: nullable(text()),
  traceparent: nullable(text()),
  candidates: nullable(json<string[]>()),
  /** The id of the token that gave the label; null where an earlier release took it. */
  labelledBy: nullable(text()),
  trusted: defaulted(flag()),
  /** Whose limit it counts in; null for nobody's. */
  owner: nullable(text()),
});

const skips = table("skips", { id: text(), holder: text(), until: number() });

/** A question in the queue. */
export type QueuedQuestion = RowOf<typeof queue>;
/** A label, who gave it, and how long it may be corrected. */
export type Decision = Pick<
  QueuedQuestion,
  "label" | "answeredBy" | "labelledBy" | "trusted" | "correctUntil" | "traceparent"
>;

const waiting = "label IS NULL AND flaggedAt IS NULL";
const inRegions = "(?1 IS NULL OR region IN (SELECT value FROM json_each(?1)))";

/** The tables `queue` and `skips`: questions for people, and who does not want to answer which. */
export class ReviewQueue {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Adds a question. `known`: it is in the queue already, and stays as it is; `full`: its owner has as many as it may. */
  add({ candidates: given, owner: counted, ownerMax, ...question }: NewReviewQuestion, now: number) {
    const [candidates, owner] = [given ?? null, counted ?? null];
    const isFull = owner !== null && ownerMax !== undefined && this.waitingOf(owner) >= ownerMax;
    if (isFull) return this.find(question.id) ? "known" : "full";
    return queue.insert(this.sql, { ...question, candidates, owner, queuedAt: now }, "ignore") ? "added" : "known";
  }

  /** Counts the questions of an owner that wait for people. */
  private waitingOf(owner: string): number {
    const query = `SELECT count(*) AS n FROM queue WHERE owner = ? AND ${waiting}`;
    return this.sql.exec<{ n: number }>(query, owner).one().n;
  }

  find(id: string): QueuedQuestion | null {
    return queue.first(this.sql, "WHERE id = ?", id);
  }

  /** Leases the oldest questions that no one else holds; those that the holder skipped only where nothing else is left. */
  lease(request: LeaseRequest, now: number): ReviewQuestion[] {
    const fresh = this.free(request, now, "s.until IS NULL", "queuedAt, queue.id");
    const rows = fresh.length > 0 ? fresh : this.free(request, now, "s.until IS NOT NULL", "s.until, queue.id");
    return rows.map((row) => {
      // If the holder has a longer lease already, it stays.
      const leaseUntil = Math.max(row.leaseUntil, now + request.leaseMs);
      queue.update(this.sql, { leasedBy: request.holder, leaseUntil }, "WHERE id = ?", row.id);
      return { ...shown(row), leaseUntil };
    });
  }

  setLabel(id: string, decision: Decision): void {
    queue.update(this.sql, decision, "WHERE id = ?", id);
  }

  /** Deletes all of a question but its label: its region has the rest. */
  clear(id: string): void {
    queue.update(this.sql, { instance: null, provisional: null, opinions: [] }, "WHERE id = ?", id);
  }

  skip(id: string, holder: string, now: number): void {
    this.endLease(id);
    skips.delete(this.sql, "WHERE until <= ?", now);
    skips.insert(this.sql, { id, holder, until: now + skipMs }, "replace");
  }

  flag(id: string, holder: string, reason: string, now: number): void {
    this.endLease(id);
    queue.update(this.sql, { flaggedAt: now, flaggedBy: holder, flagReason: reason }, "WHERE id = ?", id);
  }

  /** Lists flagged questions without a label, the newest first. */
  flagged(regions: string[] | null, limit: number): FlaggedQuestion[] {
    const clause = `WHERE flaggedAt IS NOT NULL AND label IS NULL AND ${inRegions}
      ORDER BY flaggedAt DESC, id LIMIT ?2`;
    const rows = queue.select(this.sql, clause, regions && JSON.stringify(regions), limit);
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
    queue.delete(this.sql, "WHERE id = ?", id);
    skips.delete(this.sql, "WHERE id = ?", id);
  }

  removeRegion(region: string): void {
    skips.delete(this.sql, "WHERE id IN (SELECT id FROM queue WHERE region = ?)", region);
    queue.delete(this.sql, "WHERE region = ?", region);
  }

  /** Counts the questions that wait for a person, of some regions or of all. */
  waiting(regions: string[] | null): number {
    const query = `SELECT count(*) AS n FROM queue WHERE ${waiting} AND ${inRegions}`;
    return this.sql.exec<{ n: number }>(query, regions && JSON.stringify(regions)).one().n;
  }

  private free(
    { holder, regions, limit }: LeaseRequest,
    now: number,
    skipped: string,
    order: string,
  ): QueuedQuestion[] {
    const clause = `LEFT JOIN skips s ON s.id = queue.id AND s.holder = ?3 AND s.until > ?2
      WHERE ${waiting} AND (leaseUntil <= ?2 OR leasedBy = ?3) AND ${inRegions} AND ${skipped}
      ORDER BY ${order} LIMIT ?4`;
    const values = [regions && JSON.stringify(regions), now, holder, limit];
    return withinBytes(queue.select(this.sql, clause, ...values));
  }

  private endLease(id: string): void {
    queue.update(this.sql, { leasedBy: null, leaseUntil: 0 }, "WHERE id = ?", id);
  }
}

// One reply is held in memory as a whole.
function withinBytes(rows: Iterable<QueuedQuestion>): QueuedQuestion[] {
  const taken: QueuedQuestion[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += JSON.stringify(row.instance).length;
    if (taken.length > 0 && bytes > leaseMaxBytes) break;
    taken.push(row);
  }
  return taken;
}

/** A question as people see it. */
function shown({ id, region, instance, candidates, provisional, opinions, queuedAt }: QueuedQuestion) {
  const question = { id, region, instance: instance as Instance, provisional, opinions, queuedAt };
  return candidates ? { ...question, candidates } : question;
}
