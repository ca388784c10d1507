import type { HistoryEvent } from "#core/contract/index.ts";
import { nullable, number, table, text } from "../../table.ts";

/** What is known of an event besides its time and its action. */
type RolloutEvent = Pick<HistoryEvent, "version"> & Partial<Pick<HistoryEvent, "share" | "region" | "reason">>;

/** How many events are shown. */
const shownMaxRows = 100;

// The column `id`, which the schema fills in, gives the order.
const history = table("history", {
  at: number(),
  action: text(),
  version: number(),
  share: nullable(number()),
  region: nullable(text()),
  reason: nullable(text()),
});

/** The table `history`: what was done with versions and heads. */
export class RolloutHistory {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  add(action: string, event: RolloutEvent): void {
    history.insert(this.sql, { at: Date.now(), action, ...event });
  }

  /** Lists the latest events of all regions, or of one. */
  latest(region: string | null = null): HistoryEvent[] {
    const clause = "WHERE ?1 IS NULL OR region = ?1 ORDER BY id DESC LIMIT ?2";
    return [...history.select(this.sql, clause, region, shownMaxRows)];
  }

  /** Lists the regions that lost their state, and whose head has neither been trained again nor been given up since. */
  lostRegions(): string[] {
    // SQLite returns the action of the row with the largest id.
    const query = `SELECT region, action, max(id) FROM history WHERE region IS NOT NULL
      AND action IN ('region-lost', 'head', 'head-rollback') GROUP BY region`;
    const rows = this.sql.exec<{ region: string; action: string }>(query).toArray();
    return rows.flatMap(({ region, action }) => (action === "region-lost" ? [region] : []));
  }

  firstAt(): number | null {
    return history.first(this.sql, "ORDER BY at")?.at ?? null;
  }
}
