import { number, table, text } from "../../table.ts";

const regions = table("regions", { region: text(), since: number() });
const forgotten = table("forgotten_regions", { region: text() });

/** The tables `regions` and `forgotten_regions`: the regions that have asked, and those that were forgotten. */
export class KnownRegions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  add(region: string): void {
    regions.insert(this.sql, { region, since: Date.now() }, "ignore");
  }

  forget(region: string): void {
    regions.delete(this.sql, "WHERE region = ?", region);
    forgotten.insert(this.sql, { region }, "ignore");
  }

  all(): string[] {
    return [...regions.select(this.sql, "ORDER BY region")].map(({ region }) => region);
  }

  /** Lists the regions that exist and those that were forgotten, in order. */
  ever(): string[] {
    const query = "SELECT region FROM regions UNION SELECT region FROM forgotten_regions ORDER BY region";
    const rows = this.sql.exec<{ region: string }>(query).toArray();
    return rows.map(({ region }) => region);
  }
}
