import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(
    "CREATE TABLE line (key TEXT PRIMARY KEY, state TEXT NOT NULL, since INTEGER NOT NULL, reason TEXT) WITHOUT ROWID",
  );
  sql.exec(`CREATE TABLE taken (
    model TEXT PRIMARY KEY, revision INTEGER NOT NULL, version INTEGER, fault TEXT, triedAt INTEGER NOT NULL) WITHOUT ROWID`);
};

/** The schema, in order. A step never changes once it has run anywhere; a new one is added at the end. */
export const migrations: readonly Migration[] = [m001Tables];
