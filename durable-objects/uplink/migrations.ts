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

// Nothing went up before but questions.
const m002Sharing: Migration = (sql) => {
  sql.exec(`CREATE TABLE shared (
    model TEXT NOT NULL, region TEXT NOT NULL, epoch TEXT, revision INTEGER NOT NULL, seen INTEGER NOT NULL,
    PRIMARY KEY (model, region)) WITHOUT ROWID`);
  sql.exec(`CREATE TABLE contributed (
    model TEXT NOT NULL, region TEXT NOT NULL, above TEXT NOT NULL, revision INTEGER NOT NULL, labels REAL NOT NULL,
    forgotten INTEGER NOT NULL, backbone TEXT NOT NULL, at INTEGER NOT NULL, fault TEXT,
    PRIMARY KEY (model, region)) WITHOUT ROWID`);
  sql.exec("CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
};

// Sums that went up before have no row: their next contribution is as a first one.
const m003Sent: Migration = (sql) => {
  sql.exec(`CREATE TABLE sent (
    model TEXT NOT NULL, region TEXT NOT NULL, backbone TEXT NOT NULL, classes TEXT NOT NULL,
    PRIMARY KEY (model, region, backbone)) WITHOUT ROWID`);
};

/** The schema, in order. A step never changes once it has run anywhere; a new one is added at the end. */
export const migrations: readonly Migration[] = [m001Tables, m002Sharing, m003Sent];
