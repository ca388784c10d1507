import type { RegionReport } from "../../region/api.ts";
import { json, number, table, text } from "../../table.ts";
import type { RegionNews, SeenRegion } from "../api.ts";

const reports = table("reports", { region: text(), at: number(), base: number(), value: json<RegionReport>() });

interface Joined extends Record<string, SqlStorageValue> {
  region: string;
  at: number | null;
  value: string | null;
}

/** A region as its last report shows it. */
type Reported = Omit<SeenRegion, "edge">;

/** The table `reports`: what each region last told of itself. */
export class Reports {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  set(region: string, report: RegionReport, at: number): void {
    reports.insert(this.sql, { region, at, base: report.base, value: report }, "replace");
  }

  delete(region: string): void {
    reports.delete(this.sql, "WHERE region = ?", region);
  }

  /** Returns when a known region registered, ms since 1970. */
  registeredAt(region: string): number {
    return this.sql.exec<{ since: number }>("SELECT since FROM regions WHERE region = ?", region).one().since;
  }

  /** Lists the known regions with their reports. They are read one by one. */
  *all(): Generator<Reported> {
    yield* this.join("ORDER BY regions.region");
  }

  byName(after: string, limit: number): Reported[] {
    return [...this.join("WHERE regions.region > ? ORDER BY regions.region LIMIT ?", after, limit)];
  }

  byAge(limit: number): Reported[] {
    return [...this.join("ORDER BY regions.since, regions.region LIMIT ?", limit)];
  }

  /** Returns those of the names that are known. */
  of(names: readonly string[]): Reported[] {
    return names.flatMap((name) => [...this.join("WHERE regions.region = ?", name)]);
  }

  /** Returns the sum of all backlogs, and the regions whose report is of a time or later. */
  news(since: number): RegionNews {
    const query = "SELECT coalesce(sum(json_extract(value, '$.activity.backlog')), 0) AS backlog FROM reports";
    const { backlog } = this.sql.exec<{ backlog: number }>(query).one();
    const regions = this.sql.exec<{ region: string; at: number; revision: number }>(
      `SELECT region, at, coalesce(json_extract(value, '$.activity.revision'), 0) AS revision FROM reports
       WHERE at >= ? ORDER BY region`,
      since,
    );
    return { backlog, regions: regions.toArray() };
  }

  /** Lists the known regions after one with the version that their report is about; null without a report. */
  *bases(after: string): Generator<{ region: string; base: number | null }> {
    yield* this.sql.exec<{ region: string; base: number | null }>(
      `SELECT regions.region AS region, base FROM regions LEFT JOIN reports ON reports.region = regions.region
       WHERE regions.region > ? ORDER BY regions.region`,
      after,
    );
  }

  private *join(clause: string, ...values: SqlStorageValue[]): Generator<Reported> {
    const rows = this.sql.exec<Joined>(
      `SELECT regions.region AS region, at, value FROM regions LEFT JOIN reports ON reports.region = regions.region ${clause}`,
      ...values,
    );
    for (const { region, at, value } of rows)
      yield { region, asOf: at, report: value === null ? null : JSON.parse(value) };
  }
}
