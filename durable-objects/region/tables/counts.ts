import type { Counts as CountValues, LabelSource, RungName, VersionCounts } from "#core/contract/index.ts";
import { addCounts, countAnswer, noCounts } from "#core/counts.ts";

/** The table `counts`: what was asked here and which rung answered, by version. */
export class RegionCounter {
  private readonly sql: SqlStorage;
  private readonly pending = new Map<number, CountValues>();

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Counts a call that asks, and the new questions that were escalated with it. */
  asked(base: number, escalated: number): void {
    const counts = this.of(base);
    counts.calls++;
    counts.escalated += escalated;
    counts.questions += escalated;
  }

  answered(base: number, rung: RungName, accepted: boolean, ms: number): void {
    countAnswer(this.of(base).rungs[rung], accepted, ms);
  }

  /** Counts whether an answer was right, once its label is known. */
  judged(base: number, rung: RungName, isRight: boolean): void {
    this.of(base).rungs[rung][isRight ? "right" : "wrong"]++;
  }

  labelled(base: number, source: LabelSource): void {
    this.of(base).labels[source]++;
  }

  all(): VersionCounts[] {
    this.save();
    const rows = this.sql.exec<{ base: number; value: string }>("SELECT base, value FROM counts ORDER BY base");
    return rows.toArray().map(({ base, value }) => ({ base, counts: JSON.parse(value) }));
  }

  // Saved at the end of the turn, in one write with what is counted.
  private of(base: number): CountValues {
    const known = this.pending.get(base);
    if (known) return known;
    if (this.pending.size === 0) queueMicrotask(() => this.save());
    const fresh = noCounts();
    this.pending.set(base, fresh);
    return fresh;
  }

  private save(): void {
    for (const [base, counts] of this.pending) {
      const [row] = this.sql.exec<{ value: string }>("SELECT value FROM counts WHERE base = ?", base);
      const sum = row ? addCounts(JSON.parse(row.value), counts) : counts;
      this.sql.exec("INSERT OR REPLACE INTO counts VALUES (?, ?)", base, JSON.stringify(sum));
    }
    this.pending.clear();
  }
}
