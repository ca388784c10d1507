import type { HeadManifest, HeadPointer, RegionHead, Rule } from "#core/contract/index.ts";

/** The tables `heads` and `head_pointers`: every head of every region, and which one each region uses on a base version. */
export class Heads {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Returns a region's pointer on a base version; revision 0 where nothing was written for it. */
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

  /** Points a region to one of its heads (null: the global head) with a rule, as the next revision. */
  setPointer(base: number, region: string, number: number | null, rule: Rule | null): HeadPointer {
    const revision = this.pointer(base, region).revision + 1;
    this.sql.exec(
      "INSERT OR REPLACE INTO head_pointers (base, region, revision, number, rule) VALUES (?, ?, ?, ?, ?)",
      ...[base, region, revision, number, rule && JSON.stringify(rule)],
    );
    return this.pointer(base, region);
  }

  add(head: HeadManifest): void {
    const { base, region, number } = head;
    this.sql.exec("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", base, region, number, JSON.stringify(head));
  }

  has(base: number, region: string, number: number): boolean {
    const query = "SELECT 1 FROM heads WHERE base = ? AND region = ? AND number = ?";
    return this.sql.exec(query, base, region, number).toArray().length > 0;
  }

  nextNumber(base: number, region: string): number {
    const query = "SELECT coalesce(max(number), 0) + 1 AS next FROM heads WHERE base = ? AND region = ?";
    return this.sql.exec<{ next: number }>(query, base, region).one().next;
  }

  /** Returns the number of the head before `number`; null where there is none. */
  numberBefore(base: number, region: string, number: number): number | null {
    const query = "SELECT max(number) AS number FROM heads WHERE base = ? AND region = ? AND number < ?";
    return this.sql.exec<{ number: number | null }>(query, base, region, number).one().number;
  }

  /** Lists a region's heads, the newest first. */
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

  basesOf(region: string): number[] {
    const query = "SELECT base FROM head_pointers WHERE region = ?";
    const rows = this.sql.exec<{ base: number }>(query, region).toArray();
    return rows.map(({ base }) => base);
  }

  regionsWithHead(base: number): string[] {
    const query = "SELECT region FROM head_pointers WHERE base = ? AND number IS NOT NULL";
    const rows = this.sql.exec<{ region: string }>(query, base).toArray();
    return rows.map(({ region }) => region);
  }
}
