import { leftMs } from "#core/clock.ts";
import { type Counts, type SeriesRange, seriesRangeNames, seriesRanges } from "#core/contract/index.ts";
import { addCounts, noCounts } from "#core/counts.ts";
import { json, number, table, text } from "../../table.ts";
import type { CountedStep } from "../api.ts";

const putBackMaxMs = 10 * 60_000;

/** `place` is the slot modulo the number of steps: a new slot takes the row of the oldest one. */
const series = table("series", {
  range: text<SeriesRange | "gone">(),
  place: number(),
  slot: number(),
  value: json<Counts>(),
});

/**
 * The table `series`: a model's totals at the beginning of each step of time in which something was counted, in a ring for
 * each range. The first change in a step writes its row: one a minute at most, and eight more an hour.
 */
export class SeriesTable {
  private readonly sql: SqlStorage;
  /** The latest time at which something was counted. */
  private latest = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Notes that something is about to be counted. `totals` are those before it. */
  note(at: number, totals: () => Counts): void {
    // A clock that is put back a little would begin an earlier step with totals of later ones.
    const now = at + leftMs(this.latest, putBackMaxMs, at);
    this.latest = now;
    // Every step begins with one of the shortest.
    if (this.hasBegun("hour", now)) return;
    const value = this.withGone(totals());
    for (const range of seriesRangeNames) {
      if (this.hasBegun(range, now)) continue;
      const slot = slotOf(range, now);
      series.insert(this.sql, { range, place: slot % seriesRanges[range].steps, slot, value }, "replace");
    }
  }

  /** Leaves out what was counted before: every step begins with it. */
  leaveOut(counts: Counts): void {
    for (const step of [...series.select(this.sql, "WHERE range <> 'gone'")]) {
      series.insert(this.sql, { ...step, value: addCounts(step.value, counts) }, "replace");
    }
  }

  /** Keeps what was counted of a region that is forgotten: totals go on without it, and must not fall. */
  keepGone(counts: Counts): void {
    series.insert(this.sql, { range: "gone", place: 0, slot: 0, value: this.withGone(counts) }, "replace");
  }

  /** Returns the steps of a range up to now, from the oldest one that is known. */
  read(range: SeriesRange, now: number, totals: Counts): CountedStep[] {
    const { everyMs, steps } = seriesRanges[range];
    const last = slotOf(range, now);
    // Sorted here: SQLite would read each row twice.
    const unsorted = [...series.select(this.sql, "WHERE range = ? AND slot > ?", range, last - steps)];
    const known = unsorted.sort((a, b) => a.slot - b.slot);
    const [first] = known;
    if (!first) return [];
    const ends = [...known.slice(1).map(({ value }) => value), this.withGone(totals)];
    const counted = new Map(known.map(({ slot, value }, i) => [slot, difference(ends[i] as Counts, value)]));
    return Array.from({ length: last - first.slot + 1 }, (_, i) => {
      const slot = first.slot + i;
      return { at: slot * everyMs, counts: counted.get(slot) ?? noCounts() };
    });
  }

  private hasBegun(range: SeriesRange, now: number): boolean {
    const slot = slotOf(range, now);
    const place = slot % seriesRanges[range].steps;
    return series.first(this.sql, "WHERE range = ? AND place = ?", range, place)?.slot === slot;
  }

  private withGone(counts: Counts): Counts {
    const gone = series.first(this.sql, "WHERE range = 'gone'")?.value;
    return gone ? addCounts(structuredClone(gone), counts) : counts;
  }
}

function slotOf(range: SeriesRange, at: number): number {
  return Math.floor(at / seriesRanges[range].everyMs);
}

/** Returns what was counted between two totals. Nothing falls below zero where a region's object lost its state. */
function difference(after: Counts, before: Counts): Counts {
  const minus = (a: unknown, b: unknown): unknown => {
    if (typeof a === "number") return Math.max(0, a - ((b as number | undefined) ?? 0));
    if (Array.isArray(a)) return a.map((value, i) => minus(value, (b as unknown[] | undefined)?.[i]));
    const entries = Object.entries(a as object);
    return Object.fromEntries(
      entries.map(([key, value]) => [key, minus(value, (b as Record<string, unknown>)?.[key])]),
    );
  };
  return minus(after, before) as Counts;
}
