import { type Lease, recover } from "#core/budget/lease.ts";
import { json, table, text } from "../../table.ts";

export const leasesTable = table("leases", { month: text(), state: json<Lease>() });

/** The table `leases`: what the region may spend in a month, and what it has spent. */
export class Leases {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(month: string): Lease | null {
    return leasesTable.first(this.sql, "WHERE month = ?", month)?.state ?? null;
  }

  /** Returns the lease of the latest month; null before the first. */
  latest(): Lease | null {
    return leasesTable.first(this.sql, "ORDER BY month DESC")?.state ?? null;
  }

  set(state: Lease): void {
    leasesTable.insert(this.sql, { month: state.month, state }, "replace");
  }

  all(): Lease[] {
    return Array.from(leasesTable.select(this.sql, "ORDER BY month"), ({ state }) => state);
  }

  /** Counts what an earlier instance of the object was asking as spent. */
  recover(): void {
    for (const lease of this.all()) if (lease.reservedUsd > 0) this.set(recover(lease));
  }

  drop(month: string): void {
    leasesTable.delete(this.sql, "WHERE month = ?", month);
  }
}
