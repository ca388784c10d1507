import type { Counts as CountValues, LabelSource, RungName, VersionCounts } from "#core/contract/index.ts";
import { addCounts, countAnswer, noCounts } from "#core/counts.ts";
import { json, number, table } from "../../table.ts";

export const countsTable = table("counts", { base: number(), value: json<CountValues>() });

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
    return Array.from(countsTable.select(this.sql, "ORDER BY base"), ({ base, value }) => ({ base, counts: value }));
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
      const before = countsTable.first(this.sql, "WHERE base = ?", base);
      const value = before ? addCounts(before.value, counts) : counts;
      countsTable.insert(this.sql, { base, value }, "replace");
    }
    this.pending.clear();
  }
}
