import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(`CREATE TABLE queue (
    id TEXT PRIMARY KEY, region TEXT NOT NULL, instance TEXT NOT NULL, provisional TEXT,
    queuedAt INTEGER NOT NULL, leasedBy TEXT, leaseUntil INTEGER NOT NULL DEFAULT 0,
    label TEXT, answeredBy TEXT)`);
  sql.exec("CREATE INDEX queue_order ON queue (label, leaseUntil, queuedAt)");
};

const m002Reviewing: Migration = (sql) => {
  sql.exec("ALTER TABLE queue ADD COLUMN opinions TEXT NOT NULL DEFAULT '[]'");
  // A label may be corrected until then.
  sql.exec("ALTER TABLE queue ADD COLUMN correctUntil INTEGER");
  sql.exec("ALTER TABLE queue ADD COLUMN flaggedAt INTEGER");
  sql.exec("ALTER TABLE queue ADD COLUMN flaggedBy TEXT");
  sql.exec("ALTER TABLE queue ADD COLUMN flagReason TEXT");
  sql.exec("CREATE INDEX queue_flagged ON queue (flaggedAt) WHERE flaggedAt IS NOT NULL");
  sql.exec(`CREATE TABLE skips (
    id TEXT NOT NULL, holder TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (id, holder)) WITHOUT ROWID`);
};

const m003Traces: Migration = (sql) => {
  sql.exec("ALTER TABLE queue ADD COLUMN traceparent TEXT");
};

export const migrations: readonly Migration[] = [m001Tables, m002Reviewing, m003Traces];
