import type { CanaryReport } from "#core/confidence/canary.ts";
import type { CanaryPlan, CanaryState, CanaryVerdict } from "#core/contract/index.ts";
import { defaulted, json, nullable, number, type RowOf, table, text } from "../../table.ts";
import type { WatchOrder } from "../api.ts";

const canaries = table("canaries", {
  id: defaulted(number()),
  version: number(),
  stable: number(),
  share: number(),
  startedAt: number(),
  deadlineAt: number(),
  plan: json<CanaryPlan>(),
  verdict: nullable(json<CanaryVerdict>()),
  endedAt: nullable(number()),
  outcome: nullable(text<NonNullable<CanaryState["outcome"]>>()),
  reason: nullable(text()),
});

const counts = table("canary_counts", {
  canary: number(),
  region: text(),
  at: number(),
  /** With the sums over its pairs. */
  count: json<CanaryReport>(),
});

/** A watched canary, without what its regions found out. */
export type Canary = RowOf<typeof canaries>;

/** The tables `canaries` and `canary_counts`: watched canaries, and what each region found out about them. */
export class Canaries {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  add({ version, share, plan, deadlineMs }: WatchOrder, stable: number, now: number): void {
    canaries.insert(this.sql, { version, stable, share, plan, startedAt: now, deadlineAt: now + deadlineMs });
  }

  running(): Canary | null {
    return canaries.first(this.sql, "WHERE endedAt IS NULL ORDER BY id DESC");
  }

  latest(): Canary | null {
    return canaries.first(this.sql, "ORDER BY id DESC");
  }

  nextId(): number {
    return (this.latest()?.id ?? 0) + 1;
  }

  setVerdict(id: number, verdict: CanaryVerdict): void {
    canaries.update(this.sql, { verdict }, "WHERE id = ?", id);
  }

  end(id: number, outcome: CanaryState["outcome"], reason: string): void {
    canaries.update(this.sql, { endedAt: Date.now(), outcome, reason }, "WHERE id = ?", id);
  }

  setReport(id: number, region: string, report: CanaryReport, at: number): void {
    counts.insert(this.sql, { canary: id, region, at, count: report }, "replace");
  }

  /** Returns the last report of each region, and when it came. */
  reports(id: number): (CanaryReport & { region: string; at: number })[] {
    const rows = [...counts.select(this.sql, "WHERE canary = ? ORDER BY region", id)];
    return rows.map(({ region, at, count: report }) => ({ region, at, ...report }));
  }

  forgetRegion(region: string): void {
    counts.delete(this.sql, "WHERE region = ?", region);
  }
}
