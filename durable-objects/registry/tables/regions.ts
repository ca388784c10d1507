import { nullable, number, table, text } from "../../table.ts";

const regions = table("regions", { region: text(), since: number(), epoch: nullable(text()) });
const forgotten = table("forgotten_regions", { region: text() });

/** The tables `regions` and `forgotten_regions`: the regions that have asked, and those that were forgotten. */
export class KnownRegions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Adds a region. `lost`: it was known by another epoch, or by a release that had none, and its object is a new one. */
  add(region: string, epoch: string | null): "new" | "known" | "lost" {
    const known = regions.first(this.sql, "WHERE region = ?", region);
    if (!known) regions.insert(this.sql, { region, since: Date.now(), epoch });
    if (!known) return "new";
    if (epoch === null || known.epoch === epoch) return "known";
    regions.update(this.sql, { epoch }, "WHERE region = ?", region);
    return "lost";
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
