/** The tables `regions` and `forgotten_regions`: the regions that have asked, and those that were forgotten. */
export class Regions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  add(region: string): void {
    this.sql.exec("INSERT OR IGNORE INTO regions VALUES (?, ?)", region, Date.now());
  }

  forget(region: string): void {
    this.sql.exec("DELETE FROM regions WHERE region = ?", region);
    this.sql.exec("INSERT OR IGNORE INTO forgotten_regions VALUES (?)", region);
  }

  all(): string[] {
    return this.names("SELECT region FROM regions ORDER BY region");
  }

  /** Lists the regions that exist and those that were forgotten. */
  ever(): string[] {
    return this.names("SELECT region FROM regions UNION SELECT region FROM forgotten_regions ORDER BY region");
  }

  private names(query: string): string[] {
    const rows = this.sql.exec<{ region: string }>(query).toArray();
    return rows.map(({ region }) => region);
  }
}
