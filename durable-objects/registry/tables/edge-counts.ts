import type { Counts, RegionCounts } from "#core/contract/index.ts";
import { addCounts } from "#core/counts.ts";
import type { CountBatch } from "../api.ts";

/** How long a batch may be repeated. */
const flushKeepMs = 24 * 3600_000;

/** The tables `counts` and `flushes`: what the edge answered by itself, and the last batch of each isolate. */
export class EdgeCounts {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Adds a batch, unless it was added before. */
  add({ isolate, sequence, rows }: CountBatch): void {
    const [last] = this.sql.exec<{ sequence: number }>("SELECT sequence FROM flushes WHERE isolate = ?", isolate);
    if (last && last.sequence >= sequence) return;
    this.sql.exec("INSERT OR REPLACE INTO flushes VALUES (?, ?, ?)", isolate, sequence, Date.now());
    this.sql.exec("DELETE FROM flushes WHERE at < ?", Date.now() - flushKeepMs);
    for (const { region, base, counts } of rows) {
      const [known] = this.sql.exec<{ value: string }>(
        "SELECT value FROM counts WHERE region = ? AND base = ?",
        region,
        base,
      );
      const sum: Counts = known ? addCounts(JSON.parse(known.value), counts) : counts;
      this.sql.exec("INSERT OR REPLACE INTO counts VALUES (?, ?, ?)", region, base, JSON.stringify(sum));
    }
  }

  all(): RegionCounts[] {
    const rows = this.sql.exec<{ region: string; base: number; value: string }>(
      "SELECT region, base, value FROM counts ORDER BY region, base",
    );
    return rows.toArray().map(({ region, base, value }) => ({ region, base, counts: JSON.parse(value) }));
  }

  forgetRegion(region: string): void {
    this.sql.exec("DELETE FROM counts WHERE region = ?", region);
  }
}
