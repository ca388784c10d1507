import type { CanaryCount, CanaryPlan, CanaryState, CanaryVerdict } from "#core/contract/index.ts";
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
  count: json<CanaryCount>(),
});

/** A watched canary, without what its regions counted. */
export type Canary = RowOf<typeof canaries>;

/** The tables `canaries` and `canary_counts`: watched canaries, and what each region counted of them. */
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

  setVerdict(id: number, verdict: CanaryVerdict): void {
    canaries.update(this.sql, { verdict }, "WHERE id = ?", id);
  }

  end(id: number, outcome: CanaryState["outcome"], reason: string): void {
    canaries.update(this.sql, { endedAt: Date.now(), outcome, reason }, "WHERE id = ?", id);
  }

  setCount(id: number, region: string, count: CanaryCount, at: number): void {
    counts.insert(this.sql, { canary: id, region, at, count }, "replace");
  }

  counts(id: number): CanaryState["regions"] {
    const rows = [...counts.select(this.sql, "WHERE canary = ? ORDER BY region", id)];
    return rows.map(({ region, at, count }) => ({ region, at, ...count }));
  }

  forgetRegion(region: string): void {
    counts.delete(this.sql, "WHERE region = ?", region);
  }
}
