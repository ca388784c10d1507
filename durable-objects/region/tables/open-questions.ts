// What is open waits for a rung above or for people, which have indexes, or is being answered: then it came lately.
const query = `SELECT owner, count(*) AS n FROM questions
  WHERE status = 'open' AND (escalateAt IS NOT NULL OR reviewAt IS NOT NULL OR inReview = 1 OR rowid > ?) GROUP BY owner`;

/** The open questions of each owner that has any. Counted from the table once, and then with each change; in memory. */
export class OpenQuestions {
  private readonly sql: SqlStorage;
  private readonly settledThrough: () => number;
  private counts: Map<string, number> | null = null;

  /** @param settledThrough the number up to which no question is being answered */
  constructor(sql: SqlStorage, settledThrough: () => number) {
    this.sql = sql;
    this.settledThrough = settledThrough;
  }

  /** Tells whether an owner may have some more. */
  hasRoom(owner: string, more: number, max: number): boolean {
    return (this.counted().get(owner) ?? 0) + more <= max;
  }

  /** Returns how many there are of all owners. */
  total(): number {
    return [...this.counted().values()].reduce((sum, n) => sum + n, 0);
  }

  changed(owner: string, by: 1 | -1): void {
    if (!this.counts) return;
    const n = (this.counts.get(owner) ?? 0) + by;
    if (n > 0) this.counts.set(owner, n);
    else this.counts.delete(owner);
  }

  /** Counts again at the next question: what was counted may have been undone. */
  reset(): void {
    this.counts = null;
  }

  private counted(): Map<string, number> {
    const rows = () => this.sql.exec<{ owner: string; n: number }>(query, this.settledThrough());
    this.counts ??= new Map(Array.from(rows(), ({ owner, n }) => [owner, n]));
    return this.counts;
  }
}
