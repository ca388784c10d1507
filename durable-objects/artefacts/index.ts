import { DurableObject } from "cloudflare:workers";
import { concatBytes } from "#core/bytes.ts";
import { migrate } from "../migrate.ts";
import { bytes, json, number, type RowOf, table, text } from "../table.ts";
import type { ArtefactsApi, FileList, FileQuery, StoredFile } from "./api.ts";
import { migrations } from "./migrations.ts";

const files = table("files", {
  key: text(),
  size: number(),
  at: number(),
  customMetadata: json<Record<string, string>>(),
});
const parts = table("parts", { key: text(), part: number(), bytes: bytes() });

/** A row holds 2 MB at most. */
const partMaxBytes = 1024 * 1024;

/** Holds the artefacts of a machine without R2, in parts that fit into rows. */
export class ArtefactsObject extends DurableObject<Env> implements ArtefactsApi {
  private readonly sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    this.sql = ctx.storage.sql;
  }

  head(key: string): StoredFile | null {
    return files.first(this.sql, "WHERE key = ?", key);
  }

  read(key: string): { file: StoredFile; bytes: ArrayBuffer } | null {
    const file = this.head(key);
    if (!file) return null;
    const read = [...parts.select(this.sql, "WHERE key = ? ORDER BY part", key)];
    return { file, bytes: concatBytes(read.map((part) => new Uint8Array(part.bytes))).buffer };
  }

  write(key: string, whole: ArrayBuffer, customMetadata: Record<string, string>): StoredFile {
    const file = { key, size: whole.byteLength, at: Date.now(), customMetadata };
    return this.ctx.storage.transactionSync(() => {
      parts.delete(this.sql, "WHERE key = ?", key);
      for (let part = 0; part * partMaxBytes < whole.byteLength; part++) {
        parts.insert(this.sql, { key, part, bytes: whole.slice(part * partMaxBytes, (part + 1) * partMaxBytes) });
      }
      files.insert(this.sql, file, "replace");
      return file;
    });
  }

  remove(keys: readonly string[]): void {
    this.ctx.storage.transactionSync(() => {
      for (const key of keys) {
        parts.delete(this.sql, "WHERE key = ?", key);
        files.delete(this.sql, "WHERE key = ?", key);
      }
    });
  }

  list({ prefix, delimiter, after, limit }: FileQuery): FileList {
    const found: FileList = { files: [], prefixes: [], next: null };
    let last = after;
    for (;;) {
      const [file] = this.following(prefix, last);
      if (!file) return found;
      if (found.files.length + found.prefixes.length === limit) return { ...found, next: last };
      const end = delimiter === null ? -1 : file.key.indexOf(delimiter, prefix.length);
      if (end < 0) {
        found.files.push(file);
        last = file.key;
      } else {
        const folded = file.key.slice(0, end + (delimiter as string).length);
        found.prefixes.push(folded);
        // Behind every key with this prefix.
        last = `${folded}\u{10ffff}`;
      }
    }
  }

  private following(prefix: string, last: string | null): RowOf<typeof files>[] {
    const clause = "WHERE key > ? AND key >= ? AND key < ? ORDER BY key LIMIT 1";
    return [...files.select(this.sql, clause, last ?? "", prefix, `${prefix}\u{10ffff}`)];
  }
}
