import { elapsedMs } from "#core/clock.ts";

/** How long a count that would refuse a caller stays before the table is counted again. */
const recountMs = 1_000;
// What is open waits for a rung above or for people: each part has an index.
const query = `SELECT owner, count(*) AS n FROM questions
  WHERE status = 'open' AND (escalateAt IS NOT NULL OR reviewAt IS NOT NULL OR inReview = 1) GROUP BY owner`;

/** The open questions of each owner. Counted from the table once, and then with each change; in memory. */
export class OpenQuestions {
  private readonly sql: SqlStorage;
  private counts: Map<string, number> | null = null;
  private countedAt = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Tells whether an owner may have some more. */
  hasRoom(owner: string, more: number, max: number, now: number): boolean {
    if (this.of(owner, now) + more <= max) return true;
    if (elapsedMs(this.countedAt, now) < recountMs) return false;
    this.reset();
    return this.of(owner, now) + more <= max;
  }

  changed(owner: string, by: 1 | -1): void {
    this.counts?.set(owner, Math.max(0, (this.counts.get(owner) ?? 0) + by));
  }

  /** Counts again at the next question: what was counted may have been undone. */
  reset(): void {
    this.counts = null;
  }

  private of(owner: string, now: number): number {
    if (!this.counts) {
      const rows = this.sql.exec<{ owner: string; n: number }>(query);
      this.counts = new Map(Array.from(rows, ({ owner: of, n }) => [of, n]));
      this.countedAt = now;
    }
    return this.counts.get(owner) ?? 0;
  }
}
