import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(`CREATE TABLE queue (
    id TEXT PRIMARY KEY, region TEXT NOT NULL, instance TEXT NOT NULL, provisional TEXT, opinions TEXT NOT NULL,
    queuedAt INTEGER NOT NULL, leasedBy TEXT, leaseUntil INTEGER NOT NULL DEFAULT 0,
    label TEXT, answeredBy TEXT, correctUntil INTEGER,
    flaggedAt INTEGER, flaggedBy TEXT, flagReason TEXT, traceparent TEXT)`);
  sql.exec("CREATE INDEX queue_order ON queue (label, leaseUntil, queuedAt)");
  sql.exec("CREATE INDEX queue_flagged ON queue (flaggedAt) WHERE flaggedAt IS NOT NULL");
  sql.exec(`CREATE TABLE skips (
    id TEXT NOT NULL, holder TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (id, holder)) WITHOUT ROWID`);
};

// The callers of earlier questions take any label.
const m002Candidates: Migration = (sql) => {
  sql.exec("ALTER TABLE queue ADD COLUMN candidates TEXT");
};

// Every earlier label was trusted.
const m003Trust: Migration = (sql) => {
  sql.exec("ALTER TABLE queue ADD COLUMN labelledBy TEXT");
  sql.exec("ALTER TABLE queue ADD COLUMN trusted INTEGER NOT NULL DEFAULT 1");
};

// Earlier questions count for nobody's limit.
const m004Owners: Migration = (sql) => {
  sql.exec("ALTER TABLE queue ADD COLUMN owner TEXT");
  sql.exec("CREATE INDEX queue_owner ON queue (owner) WHERE owner IS NOT NULL AND label IS NULL AND flaggedAt IS NULL");
};

export const migrations: readonly Migration[] = [m001Tables, m002Candidates, m003Trust, m004Owners];
