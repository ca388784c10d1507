import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(`CREATE TABLE questions (
    id TEXT PRIMARY KEY, asker TEXT NOT NULL, base INTEGER NOT NULL, instance TEXT NOT NULL,
    payload TEXT NOT NULL, backbone TEXT, embedding BLOB, at INTEGER NOT NULL, receivedAt INTEGER NOT NULL, expiresAt INTEGER NOT NULL,
    accepted INTEGER NOT NULL, audited INTEGER NOT NULL, pi REAL NOT NULL, fold TEXT NOT NULL, split TEXT NOT NULL,
    status TEXT NOT NULL, answer TEXT NOT NULL, climbAt INTEGER, tries INTEGER NOT NULL DEFAULT 0, reviewAt INTEGER,
    inReview INTEGER NOT NULL DEFAULT 0)`);
  sql.exec("CREATE INDEX questions_climb ON questions (climbAt) WHERE climbAt IS NOT NULL");
  sql.exec("CREATE INDEX questions_review ON questions (reviewAt) WHERE reviewAt IS NOT NULL");
  sql.exec("CREATE INDEX questions_expiry ON questions (expiresAt)");
  sql.exec(`CREATE TABLE samples (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, label TEXT NOT NULL,
    source TEXT NOT NULL, fold TEXT NOT NULL, split TEXT NOT NULL, pi REAL, at INTEGER NOT NULL,
    labelledAt INTEGER NOT NULL)`);
  sql.exec(`CREATE TABLE embeddings (
    number INTEGER NOT NULL, backbone TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (backbone, number)) WITHOUT ROWID`);
  sql.exec(`CREATE TABLE runs (
    id TEXT PRIMARY KEY, base INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT, report TEXT,
    at INTEGER NOT NULL, startedAt INTEGER NOT NULL, finishedAt INTEGER,
    lastSample INTEGER NOT NULL, phase TEXT NOT NULL, cursor TEXT NOT NULL)`);
  sql.exec(
    "CREATE TABLE run_state (run TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (run, name))",
  );
  sql.exec("CREATE TABLE heads (base INTEGER PRIMARY KEY, revision INTEGER NOT NULL, manifest TEXT)");
};

export const migrations: readonly Migration[] = [m001Tables];
