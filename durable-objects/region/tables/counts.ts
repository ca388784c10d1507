import { leftMs } from "#core/clock.ts";
import type { Counts as CountValues, LabelSource, RungName, VersionCounts } from "#core/contract/index.ts";
import { addCounts, countAnswer, noCounts } from "#core/counts.ts";
import { json, nullable, number, table } from "../../table.ts";

export const countsTable = table("counts", {
  base: number(),
  value: json<CountValues>(),
  /** The number up to which no question was being answered when the row was written. */
  through: nullable(number()),
});

/** How long what was counted may be in memory alone. */
const saveEveryMs = 1_000;

/**
 * The table `counts`: what was asked here and which rung answered, by version. Written once a second at most: an object that dies
 * loses what it counted since.
 */
export class RegionCounter {
  private readonly sql: SqlStorage;
  private readonly settledThrough: () => number;
  private readonly pending = new Map<number, CountValues>();
  private savedAt = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private calls = 0;

  /** @param settledThrough the number up to which no question is being answered */
  constructor(sql: SqlStorage, settledThrough: () => number) {
    this.sql = sql;
    this.settledThrough = settledThrough;
  }

  /** Begins a call whose counts are saved with its end. */
  begin(): void {
    this.calls++;
  }

  /** Ends a call, and saves what is counted where that is due. */
  end(): void {
    this.calls--;
    this.saveIfDue();
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

  /** Starts over after the tables were emptied. */
  startOver(): void {
    this.pending.clear();
  }

  all(): VersionCounts[] {
    this.save();
    return Array.from(countsTable.select(this.sql, "ORDER BY base"), ({ base, value }) => ({ base, counts: value }));
  }

  /** Returns the number up to which no question was being answered when counts were saved last. */
  savedThrough(): number {
    return this.sql.exec<{ last: number }>("SELECT coalesce(max(through), 0) AS last FROM counts").one().last;
  }

  private of(base: number): CountValues {
    const known = this.pending.get(base);
    if (known) return known;
    if (this.pending.size === 0 && this.calls === 0) queueMicrotask(() => this.saveIfDue());
    const fresh = noCounts();
    this.pending.set(base, fresh);
    return fresh;
  }

  // A question that comes alone costs one write and no timer.
  private saveIfDue(): void {
    if (this.pending.size === 0) return;
    const restMs = leftMs(this.savedAt + saveEveryMs, saveEveryMs, Date.now());
    if (restMs <= 0) this.save();
    else if (this.calls === 0) this.timer ??= setTimeout(() => this.save(), restMs);
  }

  private save(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.pending.size === 0) return;
    this.savedAt = Date.now();
    const through = this.settledThrough();
    for (const [base, counts] of this.pending) {
      const before = countsTable.first(this.sql, "WHERE base = ?", base);
      const value = before ? addCounts(before.value, counts) : counts;
      countsTable.insert(this.sql, { base, value, through }, "replace");
    }
    this.pending.clear();
  }
}
