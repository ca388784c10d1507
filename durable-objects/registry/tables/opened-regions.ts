import { number, table, text } from "../../table.ts";

const dayMs = 24 * 3600_000;

const opened = table("opened_regions", { region: text(), token: text(), at: number() });

/** The table `opened_regions`: regions that no policy lists, each with the token that opened it. */
export class OpenedRegions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Opens regions for a token, at most `perDay` new ones in a day (UTC); returns those of the names that are open. */
  open(names: readonly string[], token: string, perDay: number): string[] {
    const now = Date.now();
    const today = Math.floor(now / dayMs) * dayMs;
    let left = perDay - this.openedSince(token, today);
    return names.filter((region) => {
      if (this.has(region)) return true;
      if (left <= 0) return false;
      left--;
      opened.insert(this.sql, { region, token, at: now });
      return true;
    });
  }

  has(region: string): boolean {
    return opened.first(this.sql, "WHERE region = ?", region) !== null;
  }

  private openedSince(token: string, since: number): number {
    const query = "SELECT COUNT(*) AS n FROM opened_regions WHERE token = ? AND at >= ?";
    return this.sql.exec<{ n: number }>(query, token, since).one().n;
  }
}
