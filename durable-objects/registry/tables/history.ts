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

  firstAt(): number | null {
    return history.first(this.sql, "ORDER BY at")?.at ?? null;
  }
}
