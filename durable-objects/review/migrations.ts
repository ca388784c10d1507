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

export const migrations: readonly Migration[] = [m001Tables];
