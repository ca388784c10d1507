import type { HeadManifest, HeadPointer } from "#core/contract/index.ts";

/** The table `heads`: what the registry said last of this region's head and rule, by base version. */
export class Heads {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  pointer(base: number): HeadPointer {
    const query = "SELECT revision, manifest, rule FROM heads WHERE base = ?";
    const [row] = this.sql.exec<{ revision: number; manifest: string | null; rule: string | null }>(query, base);
    return {
      revision: row?.revision ?? 0,
      head: row?.manifest ? JSON.parse(row.manifest) : null,
      rule: row?.rule ? JSON.parse(row.rule) : null,
    };
  }

  current(base: number): HeadManifest | null {
    return this.pointer(base).head;
  }

  bases(): number[] {
    return this.sql
      .exec<{ base: number }>("SELECT base FROM heads ORDER BY base")
      .toArray()
      .map(({ base }) => base);
  }

  /** Takes a newer pointer; never goes back to a lower revision. */
  set(base: number, { revision, head, rule }: HeadPointer): void {
    if (revision <= this.pointer(base).revision) return;
    this.sql.exec(
      "INSERT OR REPLACE INTO heads (base, revision, manifest, rule) VALUES (?, ?, ?, ?)",
      ...[base, revision, head && JSON.stringify(head), rule && JSON.stringify(rule)],
    );
  }
}
