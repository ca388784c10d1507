import type { LedgerRow } from "#core/budget/ledger.ts";
import { addDemand, type DayDemand, type Demand, dayOf, demandDays, noDemand } from "#core/budget/pacing.ts";
import { json, number, table, text } from "../../table.ts";

const rows = table("ledger", {
  month: text(),
  holder: text(),
  region: text(),
  call: number(),
  grantedUsd: number(),
  spentUsd: number(),
  questions: number(),
  asked: number(),
  leftOut: number(),
});
const months = table("ledger_months", { month: text(), edgeBefore: number() });
const demands = table("demands", { day: number(), value: json<Omit<DayDemand, "day">>() });

/** The tables `ledger`, `ledger_months` and `demands`: what regions spend and lease, and what their questions would cost. */
export class Ledger {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  of(month: string): LedgerRow[] {
    const found = [...rows.select(this.sql, "WHERE month = ? ORDER BY holder", month)];
    return found.map(({ region: _, ...row }) => row);
  }

  set(region: string, row: LedgerRow): void {
    rows.insert(this.sql, { ...row, region }, "replace");
  }

  /** Forgets whose leases a region's were. What they hold stays counted. */
  forgetRegion(region: string): void {
    rows.update(this.sql, { region: "" }, "WHERE region = ?", region);
  }

  /** Returns how many questions the edge had answered when the month's first report came; `now` where this is it. */
  edgeBefore(month: string, now: number): number {
    months.insert(this.sql, { month, edgeBefore: now }, "ignore");
    return months.first(this.sql, "WHERE month = ?", month)?.edgeBefore ?? now;
  }

  /** Adds what questions of today would cost, and forgets days that no forecast reads. */
  addDemand(demand: Demand, now: number): void {
    const day = dayOf(now);
    const known = demands.first(this.sql, "WHERE day = ?", day)?.value;
    const isFirst = demands.first(this.sql, "WHERE day >= ?", day - demandDays) === null;
    const { from, ...before } = known ?? { ...noDemand(), from: isFirst ? now : day * 24 * 3600_000 };
    demands.insert(this.sql, { day, value: { from, ...addDemand(before, demand) } }, "replace");
    demands.delete(this.sql, "WHERE day < ?", day - demandDays);
  }

  days(): DayDemand[] {
    return Array.from(demands.select(this.sql, "ORDER BY day"), ({ day, value }) => ({ day, ...value }));
  }
}
