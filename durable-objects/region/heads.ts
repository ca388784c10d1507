import type { HeadManifest, HeadPointer } from "../../workers/core/contract/index.ts";

/** The table `heads`: what the registry said last of this region's head, by base version. */
export class Heads {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  pointer(base: number): HeadPointer {
    const query = "SELECT revision, manifest FROM heads WHERE base = ?";
    const [row] = this.sql.exec<{ revision: number; manifest: string | null }>(query, base);
    return { revision: row?.revision ?? 0, head: row?.manifest ? JSON.parse(row.manifest) : null };
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
  set(base: number, { revision, head }: HeadPointer): void {
    if (revision <= this.pointer(base).revision) return;
    const manifest = head && JSON.stringify(head);
    this.sql.exec("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", base, revision, manifest);
  }
}
