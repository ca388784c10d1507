import type { Counts, RegionCounts, VersionCounts } from "#core/contract/index.ts";
import { addCounts, noCounts } from "#core/counts.ts";
import { json, number, table, text } from "../../table.ts";
import type { CountBatch } from "../api.ts";

/** How long a batch may be repeated. */
const flushKeepMs = 24 * 3600_000;

const counts = table("counts", { region: text(), base: number(), value: json<Counts>() });
const flushes = table("flushes", { isolate: text(), sequence: number(), at: number() });

/** The tables `counts` and `flushes`: what the edge answered by itself, and the last batch of each isolate. */
export class EdgeCounts {
  private readonly sql: SqlStorage;
  /** The counts of all regions by version, since the first look of this instance; null until then. */
  private sums: Record<number, Counts> | null = null;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Adds a batch, unless it was added before. */
  add({ isolate, sequence, rows }: CountBatch): void {
    const last = flushes.first(this.sql, "WHERE isolate = ?", isolate);
    if (last && last.sequence >= sequence) return;
    flushes.insert(this.sql, { isolate, sequence, at: Date.now() }, "replace");
    flushes.delete(this.sql, "WHERE at < ?", Date.now() - flushKeepMs);
    const { sums } = this;
    // Counted again where this is undone.
    this.sums = null;
    for (const { region, base, counts: added } of rows) {
      const known = counts.first(this.sql, "WHERE region = ? AND base = ?", region, base);
      counts.insert(this.sql, { region, base, value: known ? addCounts(known.value, added) : added }, "replace");
      if (sums) sums[base] = addCounts(sums[base] ?? noCounts(), added);
    }
    this.sums = sums;
  }

  /** Returns the counts of all regions together, by version. */
  totals(): Record<number, Counts> {
    if (this.sums) return this.sums;
    const sums: Record<number, Counts> = {};
    for (const { base, value } of counts.select(this.sql, "")) sums[base] = addCounts(sums[base] ?? noCounts(), value);
    this.sums = sums;
    return sums;
  }

  of(region: string): VersionCounts[] {
    const rows = [...counts.select(this.sql, "WHERE region = ? ORDER BY base", region)];
    return rows.map(({ base, value }) => ({ base, counts: value }));
  }

  all(): RegionCounts[] {
    const rows = [...counts.select(this.sql, "ORDER BY region, base")];
    return rows.map(({ region, base, value }) => ({ region, base, counts: value }));
  }

  /** Sums the table again at the next look: it was replaced. */
  reset(): void {
    this.sums = null;
  }

  forgetRegion(region: string): void {
    counts.delete(this.sql, "WHERE region = ?", region);
    this.sums = null;
  }
}
