import { defaulted, number, type RowOf, table, text } from "../../table.ts";

export const archivesTable = table("archives", {
  file: defaulted(number()),
  /** The key in R2. */
  key: text(),
  firstRevision: number(),
  lastRevision: number(),
  /** Samples that are archived in the file. */
  rows: number(),
});

export const archivedTable = table("archived", { hash: number(), file: number() });

/** A file of archived samples. */
export type ArchiveFile = RowOf<typeof archivesTable>;

/** The tables `archives` and `archived`: the files in R2, and which file has which sample. */
export class Archives {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Returns the files, the ones that changed longest ago first. */
  files(): ArchiveFile[] {
    return [...archivesTable.select(this.sql, "ORDER BY firstRevision")];
  }

  file(file: number): ArchiveFile | null {
    return archivesTable.first(this.sql, "WHERE file = ?", file);
  }

  /** Adds a file without samples; `keyOf` makes its key of its number. */
  addFile(firstRevision: number, lastRevision: number, keyOf: (file: number) => string): { file: number; key: string } {
    const query = "INSERT INTO archives (key, firstRevision, lastRevision, rows) VALUES ('', ?, ?, 0) RETURNING file";
    const { file } = this.sql.exec<{ file: number }>(query, firstRevision, lastRevision).one();
    const key = keyOf(file);
    archivesTable.update(this.sql, { key }, "WHERE file = ?", file);
    return { file, key };
  }

  removeFile(file: number): void {
    archivesTable.delete(this.sql, "WHERE file = ?", file);
  }

  setRows(file: number, rows: number): void {
    archivesTable.update(this.sql, { rows }, "WHERE file = ?", file);
  }

  /** Returns the file that has a sample; null where it is not archived. */
  fileOf(id: string): number | null {
    return archivedTable.first(this.sql, "WHERE hash = ?", hashOf(id))?.file ?? null;
  }

  /** Records that a sample is in a file. */
  add(id: string, file: number): void {
    archivedTable.insert(this.sql, { hash: hashOf(id), file }, "replace");
  }

  /** Records that a sample is no longer in a file. */
  remove(id: string, file: number): void {
    archivedTable.delete(this.sql, "WHERE hash = ?", hashOf(id));
    this.sql.exec("UPDATE archives SET rows = rows - 1 WHERE file = ?", file);
  }
}

/** Returns 53 bits of an id, by FNV-1a from two seeds: ten million ids collide with a probability of 1 in 200. */
function hashOf(id: string): number {
  const high = fnv1a(id, 0x811c9dc5) & 0x1fffff;
  return high * 2 ** 32 + fnv1a(id, 0x9e3779b9);
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
