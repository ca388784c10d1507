import type { CanaryCount, CanaryState, CanaryVerdict } from "#core/contract/index.ts";
import type { WatchOrder } from "../api.ts";

/** A watched canary, without what its regions counted. */
export type Canary = Omit<CanaryState, "regions"> & { id: number };

interface Row {
  [column: string]: SqlStorageValue;
  id: number;
  version: number;
  stable: number;
  share: number;
  startedAt: number;
  deadlineAt: number;
  plan: string;
  verdict: string | null;
  endedAt: number | null;
  outcome: NonNullable<CanaryState["outcome"]> | null;
  reason: string | null;
}

/** The tables `canaries` and `canary_counts`: watched canaries, and what each region counted of them. */
export class Canaries {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  add({ version, share, plan, deadlineMs }: WatchOrder, stable: number, now: number): void {
    const columns = "version, stable, share, startedAt, deadlineAt, plan";
    const values = [version, stable, share, now, now + deadlineMs, JSON.stringify(plan)];
    this.sql.exec(`INSERT INTO canaries (${columns}) VALUES (?, ?, ?, ?, ?, ?)`, ...values);
  }

  running(): Canary | null {
    return this.find("WHERE endedAt IS NULL ORDER BY id DESC LIMIT 1");
  }

  latest(): Canary | null {
    return this.find("ORDER BY id DESC LIMIT 1");
  }

  setVerdict(id: number, verdict: CanaryVerdict): void {
    this.sql.exec("UPDATE canaries SET verdict = ? WHERE id = ?", JSON.stringify(verdict), id);
  }

  end(id: number, outcome: CanaryState["outcome"], reason: string): void {
    const query = "UPDATE canaries SET endedAt = ?, outcome = ?, reason = ? WHERE id = ?";
    this.sql.exec(query, Date.now(), outcome, reason, id);
  }

  setCount(id: number, region: string, count: CanaryCount, at: number): void {
    const query = "INSERT OR REPLACE INTO canary_counts VALUES (?, ?, ?, ?)";
    this.sql.exec(query, id, region, at, JSON.stringify(count));
  }

  counts(id: number): CanaryState["regions"] {
    const query = "SELECT region, at, count FROM canary_counts WHERE canary = ? ORDER BY region";
    const rows = this.sql.exec<{ region: string; at: number; count: string }>(query, id).toArray();
    return rows.map(({ region, at, count }) => ({ region, at, ...(JSON.parse(count) as CanaryCount) }));
  }

  forgetRegion(region: string): void {
    this.sql.exec("DELETE FROM canary_counts WHERE region = ?", region);
  }

  private find(clause: string): Canary | null {
    const [row] = this.sql.exec<Row>(`SELECT * FROM canaries ${clause}`);
    if (!row) return null;
    return { ...row, plan: JSON.parse(row.plan), verdict: row.verdict === null ? null : JSON.parse(row.verdict) };
  }
}
