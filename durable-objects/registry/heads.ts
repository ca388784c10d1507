import type { HeadManifest, HeadPointer, RegionHead, Rule } from "#core/contract/index.ts";
import type { Outbox } from "./outbox.ts";

/** The heads of all regions on all base versions, and which one each uses. Heads stay when a version goes. */
export class HeadPointers {
  private readonly sql: SqlStorage;
  private readonly model: string;
  private readonly outbox: Outbox;

  constructor(sql: SqlStorage, model: string, outbox: Outbox) {
    this.sql = sql;
    this.model = model;
    this.outbox = outbox;
  }

  /** The region's head on a base version; revision 0 where nothing was ever made for it. */
  pointer(base: number, region: string): HeadPointer {
    const [row] = this.sql.exec<{ revision: number; manifest: string | null; rule: string | null }>(
      `SELECT p.revision, p.rule, h.manifest FROM head_pointers p
       LEFT JOIN heads h ON h.base = p.base AND h.region = p.region AND h.number = p.number
       WHERE p.base = ? AND p.region = ?`,
      base,
      region,
    );
    return {
      revision: row?.revision ?? 0,
      head: row?.manifest ? JSON.parse(row.manifest) : null,
      rule: row?.rule ? JSON.parse(row.rule) : null,
    };
  }

  nextNumber(base: number, region: string): number {
    const query = "SELECT coalesce(max(number), 0) + 1 AS next FROM heads WHERE base = ? AND region = ?";
    return this.sql.exec<{ next: number }>(query, base, region).one().next;
  }

  publish(head: HeadManifest): HeadPointer {
    const { base, region, number } = head;
    this.sql.exec("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", base, region, number, JSON.stringify(head));
    return this.point(base, region, number);
  }

  /** Every head that a region ever had, the newest first, and whether it serves on its base version. */
  all(region: string): RegionHead[] {
    const rows = this.sql.exec<{ base: number; number: number; manifest: string; current: number | null }>(
      `SELECT h.base, h.number, h.manifest, p.number AS current FROM heads h
       LEFT JOIN head_pointers p ON p.base = h.base AND p.region = h.region
       WHERE h.region = ? ORDER BY h.base DESC, h.number DESC`,
      region,
    );
    return rows.toArray().map(({ base, number, manifest, current }) => {
      const { createdAt } = JSON.parse(manifest) as HeadManifest;
      return { base, number, createdAt, isCurrent: number === current };
    });
  }

  has(base: number, region: string, number: number): boolean {
    const query = "SELECT 1 FROM heads WHERE base = ? AND region = ? AND number = ?";
    return this.sql.exec(query, base, region, number).toArray().length > 0;
  }

  /** Points a region to one of its heads, or to the global one (null). */
  point(base: number, region: string, number: number | null): HeadPointer {
    return this.write(base, region, number, this.pointer(base, region).rule);
  }

  back(base: number, region: string): HeadPointer {
    const current = this.pointer(base, region).head?.number ?? 0;
    const query = "SELECT max(number) AS number FROM heads WHERE base = ? AND region = ? AND number < ?";
    return this.point(
      base,
      region,
      this.sql.exec<{ number: number | null }>(query, base, region, current).one().number,
    );
  }

  /** Gives a region its live rule, whichever head it has. */
  setRule(base: number, region: string, rule: Rule | null): HeadPointer {
    return this.write(base, region, this.numberOf(base, region), rule);
  }

  /** Points the region to the global head and its rule on every base version. */
  forget(region: string): void {
    const rows = this.sql.exec<{ base: number }>("SELECT base FROM head_pointers WHERE region = ?", region).toArray();
    for (const { base } of rows) this.write(base, region, null, null);
  }

  /** Marks a region ready for a version though it has no head of its own there. */
  markReady(base: number, region: string): void {
    if (!this.isReady(base, region)) this.point(base, region, null);
  }

  isReady(base: number, region: string): boolean {
    return this.pointer(base, region).revision > 0;
  }

  regionsWithHead(base: number): string[] {
    const query = "SELECT region FROM head_pointers WHERE base = ? AND number IS NOT NULL";
    return this.sql
      .exec<{ region: string }>(query, base)
      .toArray()
      .map((row) => row.region);
  }

  private numberOf(base: number, region: string): number | null {
    const query = "SELECT number FROM head_pointers WHERE base = ? AND region = ?";
    return this.sql.exec<{ number: number | null }>(query, base, region).toArray()[0]?.number ?? null;
  }

  private write(base: number, region: string, number: number | null, rule: Rule | null): HeadPointer {
    const revision = this.pointer(base, region).revision + 1;
    this.sql.exec(
      "INSERT OR REPLACE INTO head_pointers (base, region, revision, number, rule) VALUES (?, ?, ?, ?, ?)",
      ...[base, region, revision, number, rule && JSON.stringify(rule)],
    );
    const pointer = this.pointer(base, region);
    this.outbox.put(`head/${this.model}/${base}/${region}`, pointer);
    return pointer;
  }
}
