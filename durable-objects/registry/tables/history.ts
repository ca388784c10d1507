import type { HistoryEvent } from "#core/contract/index.ts";

/** What is known of an event besides its time and its action. */
type RolloutEvent = Pick<HistoryEvent, "version"> & Partial<Pick<HistoryEvent, "share" | "region" | "reason">>;

/** How many events are shown. */
const shownMaxRows = 100;

/** The table `history`: what was done with versions and heads. */
export class RolloutHistory {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  add(action: string, { version, share, region, reason }: RolloutEvent): void {
    this.sql.exec(
      "INSERT INTO history (at, action, version, share, region, reason) VALUES (?, ?, ?, ?, ?, ?)",
      ...[Date.now(), action, version, share ?? null, region ?? null, reason ?? null],
    );
  }

  /** Lists the latest events of all regions, or of one. */
  latest(region: string | null = null): HistoryEvent[] {
    const rows = this.sql.exec(
      `SELECT at, action, version, share, region, reason FROM history
       WHERE ?1 IS NULL OR region = ?1 ORDER BY id DESC LIMIT ?2`,
      region,
      shownMaxRows,
    );
    return rows.toArray() as unknown as HistoryEvent[];
  }

  firstAt(): number | null {
    return this.sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM history").one().at;
  }
}
