import type { Migration } from "../migrate.ts";

/** The schema, in order. A step never changes once it has run anywhere; a new one is added at the end. */
export const migrations: readonly Migration[] = [
  (sql) => {
    sql.exec(
      "CREATE TABLE files (key TEXT PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL, customMetadata TEXT NOT NULL) WITHOUT ROWID",
    );
    sql.exec(
      "CREATE TABLE parts (key TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (key, part))",
    );
  },
];
