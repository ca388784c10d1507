import { bytes, number, table, text } from "../../table.ts";

/** Heads whose bytes a region keeps: the newest ones. A rollback goes to one of them, as a rule. */
const keptMax = 16;

export const headBlobsTable = table("head_blobs", { sha256: text(), at: number(), bytes: bytes() });

/** The table `head_blobs`: the bytes of the region's latest heads, from which their blobs in R2 are written again. */
export class HeadBlobs {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(sha256: string): ArrayBuffer | null {
    return headBlobsTable.first(this.sql, "WHERE sha256 = ?", sha256)?.bytes ?? null;
  }

  has(sha256: string): boolean {
    return this.sql.exec("SELECT 1 FROM head_blobs WHERE sha256 = ?", sha256).toArray().length > 0;
  }

  keep(sha256: string, head: ArrayBuffer): void {
    headBlobsTable.insert(this.sql, { sha256, at: Date.now(), bytes: head }, "replace");
    const older = "WHERE sha256 NOT IN (SELECT sha256 FROM head_blobs ORDER BY at DESC, rowid DESC LIMIT ?)";
    headBlobsTable.delete(this.sql, older, keptMax);
  }
}
