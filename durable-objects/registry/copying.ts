import { type CopiedRows, copyKey, encodeCopy, type RegistryState } from "#core/registry-copy.ts";
import type { Jobs } from "../jobs.ts";
import { migrations } from "./migrations.ts";
import type { Rollout } from "./rollout.ts";
import type { Versions } from "./tables/versions.ts";

/** R2 takes one write a second to a key; changes of this time are written together. */
const minGapMs = 1_000;
/** The pause after a copy grows with its size, so that a large registry copies at most this much in a second. */
const copyMaxBytesPerSecond = 100_000;
/** Heads in the copy, per region and in all. The newest and those in use come first. */
const headsPerRegion = 16;
const headsMax = 20_000;
const historyMaxRows = 1_000;

/**
 * What a copy has of each table. Left out: what was sent (`outbox`, `flushes`), rate limits, what regions reported, series,
 * alerts, webhooks, since they have secrets, and who opened a region, since a copy holds no personal data.
 */
const copied: Record<string, string> = {
  versions: "SELECT * FROM versions",
  pointers: "SELECT * FROM pointers",
  heads: `SELECT base, region, number, manifest FROM (
      SELECT h.*, h.number = p.number AS isUsed, row_number() OVER (PARTITION BY h.base, h.region ORDER BY h.number DESC) AS age
      FROM heads h LEFT JOIN head_pointers p ON p.base = h.base AND p.region = h.region)
    WHERE isUsed OR age <= ${headsPerRegion} ORDER BY isUsed DESC, age LIMIT ${headsMax}`,
  head_pointers: "SELECT * FROM head_pointers",
  history: `SELECT * FROM history ORDER BY id DESC LIMIT ${historyMaxRows}`,
  canaries: "SELECT * FROM canaries",
  canary_counts: "SELECT * FROM canary_counts",
  schedule: "SELECT * FROM schedule",
  regions: "SELECT * FROM regions",
  forgotten_regions: "SELECT * FROM forgotten_regions",
  opened_regions: "SELECT region, '' AS token, at FROM opened_regions",
  counts: "SELECT * FROM counts",
  groups: "SELECT * FROM groups",
  group_sums: "SELECT * FROM group_sums",
  ledger: "SELECT * FROM ledger WHERE month >= (SELECT max(month) FROM ledger)",
  ledger_months: "SELECT * FROM ledger_months",
  demands: "SELECT * FROM demands",
  jobs: "SELECT * FROM jobs WHERE kind IN ('prepare', 'canary', 'end-canary')",
};

/** What copying needs. */
interface Needs {
  model: string;
  sql: SqlStorage;
  bucket: Pick<R2Bucket, "put" | "head">;
  versions: Pick<Versions, "latest">;
  rollout: Pick<Rollout, "pointer">;
  jobs: Pick<Jobs, "dueOf" | "put">;
}

/** Keeps a copy of the registry in R2, from which an empty registry is restored. */
export class Copying {
  private readonly needs: Needs;
  /** Whether something changed since this instance wrote the last copy; true before its first one. */
  private isChanged = true;
  private isFirst = true;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Requests a copy, once for all changes of a second. */
  request(): void {
    const { jobs } = this.needs;
    this.isChanged = true;
    if (jobs.dueOf("copy", "") === null) jobs.put("copy", "", Date.now() + minGapMs);
  }

  /** Runs the job `copy`. Never replaces a copy by an earlier state. */
  async send(): Promise<number | null> {
    const { model, bucket, versions, rollout } = this.needs;
    const latest = versions.latest();
    if (!this.isChanged || latest === null) return null;
    if (this.isFirst && (await this.isBehind())) return null;
    this.isFirst = false;
    this.isChanged = false;
    const { revision } = rollout.pointer();
    const text = await encodeCopy({ model, at: Date.now(), latest, revision }, this.state());
    try {
      const customMetadata = { latest: String(latest), revision: String(revision) };
      await bucket.put(copyKey(model), text, { customMetadata });
    } catch (error) {
      this.isChanged = true;
      throw error;
    }
    return Date.now() + Math.max(minGapMs, (text.length / copyMaxBytesPerSecond) * 1_000);
  }

  private async isBehind(): Promise<boolean> {
    const { model, bucket, versions, rollout } = this.needs;
    const found = (await bucket.head(copyKey(model)))?.customMetadata;
    const [latest, revision] = [Number(found?.latest ?? 0), Number(found?.revision ?? 0)];
    const isBehind = latest > (versions.latest() ?? 0) || revision > rollout.pointer().revision;
    if (isBehind) console.error(JSON.stringify({ event: "registry-behind-its-copy", model, latest, revision }));
    return isBehind;
  }

  private state(): RegistryState {
    const tables = Object.entries(copied).map(([name, query]): [string, CopiedRows] => {
      const cursor = this.needs.sql.exec(query);
      return [name, { columns: cursor.columnNames, rows: [...cursor.raw<(string | number | null)[]>()] }];
    });
    return { migrations: migrations.length, tables: Object.fromEntries(tables) };
  }
}
