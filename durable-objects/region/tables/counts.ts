import type { Counts, LabelSource, RungName, VersionCounts } from "#core/contract/index.ts";
import { addCounts, countAnswer, noCounts } from "#core/counts.ts";

/** The table `counts`: what was asked here and who answered it, by version. */
export class RegionCounter {
  private readonly sql: SqlStorage;
  private readonly pending = new Map<number, Counts>();

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** A call of the object for asking, and the questions in it that escalated here and were not known. */
  asked(base: number, escalated: number): void {
    const counts = this.of(base);
    counts.calls++;
    counts.escalated += escalated;
    counts.questions += escalated;
  }

  answered(base: number, rung: RungName, accepted: boolean, ms: number): void {
    countAnswer(this.of(base).rungs[rung], accepted, ms);
  }

  /** The label of an answered question came to be known. */
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

  // Saved at the end of this turn, and so in one write with what is counted: nothing comes between them.
  private of(base: number): Counts {
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
