import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(`CREATE TABLE versions (
    version INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, state TEXT NOT NULL, backbone TEXT NOT NULL,
    createdAt TEXT NOT NULL, metrics TEXT NOT NULL)`);
  sql.exec("CREATE TABLE pointers (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value TEXT NOT NULL)");
  sql.exec(`CREATE TABLE heads (
    base INTEGER NOT NULL, region TEXT NOT NULL, number INTEGER NOT NULL, manifest TEXT NOT NULL,
    PRIMARY KEY (base, region, number))`);
  sql.exec(`CREATE TABLE head_pointers (
    base INTEGER NOT NULL, region TEXT NOT NULL, revision INTEGER NOT NULL, number INTEGER, rule TEXT,
    PRIMARY KEY (base, region))`);
  sql.exec(`CREATE TABLE history (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL, version INTEGER NOT NULL, share REAL, region TEXT,
    reason TEXT)`);
  sql.exec(`CREATE TABLE canaries (
    id INTEGER PRIMARY KEY, version INTEGER NOT NULL, stable INTEGER NOT NULL, share REAL NOT NULL,
    startedAt INTEGER NOT NULL, deadlineAt INTEGER NOT NULL, plan TEXT NOT NULL, verdict TEXT,
    endedAt INTEGER, outcome TEXT, reason TEXT)`);
  sql.exec(`CREATE TABLE canary_counts (
    canary INTEGER NOT NULL, region TEXT NOT NULL, at INTEGER NOT NULL, count TEXT NOT NULL,
    PRIMARY KEY (canary, region))`);
  sql.exec("CREATE TABLE schedule (kind TEXT PRIMARY KEY, doneAt INTEGER, claimedUntil INTEGER)");
  sql.exec("CREATE TABLE outbox (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
  sql.exec("CREATE TABLE regions (region TEXT PRIMARY KEY, since INTEGER NOT NULL)");
  sql.exec("CREATE TABLE forgotten_regions (region TEXT PRIMARY KEY) WITHOUT ROWID");
  sql.exec(`CREATE TABLE counts (
    region TEXT NOT NULL, base INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (region, base)) WITHOUT ROWID`);
  sql.exec("CREATE TABLE flushes (isolate TEXT PRIMARY KEY, sequence INTEGER NOT NULL, at INTEGER NOT NULL)");
};

const m002OpenedRegions: Migration = (sql) => {
  sql.exec("CREATE TABLE opened_regions (region TEXT PRIMARY KEY, token TEXT NOT NULL, at INTEGER NOT NULL)");
  sql.exec("CREATE INDEX opened_regions_by_token ON opened_regions (token, at)");
};

const m003Groups: Migration = (sql) => {
  sql.exec(`CREATE TABLE group_sums (
    base INTEGER NOT NULL, region TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (base, region)) WITHOUT ROWID`);
  sql.exec("CREATE TABLE groups (base INTEGER PRIMARY KEY, number INTEGER NOT NULL, reason TEXT)");
};

// What split callers were compared by says nothing about pairs.
const m004Pairs: Migration = (sql) => {
  sql.exec("DELETE FROM canary_counts");
  sql.exec(`UPDATE canaries SET verdict = NULL, plan = json_remove(
    CASE WHEN plan ->> '$.errorsOf' = 'all' THEN json_set(plan, '$.coverageMargin', NULL) ELSE plan END, '$.errorsOf')`);
};

const m005Turns: Migration = (sql) => {
  sql.exec("CREATE TABLE turns (rung TEXT PRIMARY KEY, bucket TEXT NOT NULL) WITHOUT ROWID");
};

const m006Ledger: Migration = (sql) => {
  sql.exec(`CREATE TABLE ledger (
    month TEXT NOT NULL, holder TEXT NOT NULL, region TEXT NOT NULL, call INTEGER NOT NULL, grantedUsd REAL NOT NULL,
    spentUsd REAL NOT NULL, questions INTEGER NOT NULL, asked INTEGER NOT NULL, leftOut INTEGER NOT NULL,
    PRIMARY KEY (month, holder)) WITHOUT ROWID`);
  sql.exec("CREATE TABLE ledger_months (month TEXT PRIMARY KEY, edgeBefore INTEGER NOT NULL) WITHOUT ROWID");
  sql.exec("CREATE TABLE demands (day INTEGER PRIMARY KEY, value TEXT NOT NULL)");
};

const m007Storage: Migration = (sql) => {
  sql.exec("ALTER TABLE regions ADD COLUMN epoch TEXT");
  sql.exec("ALTER TABLE group_sums RENAME TO group_sums_before");
  sql.exec(`CREATE TABLE group_sums (
    base INTEGER NOT NULL, region TEXT NOT NULL, epoch TEXT NOT NULL DEFAULT '', value TEXT NOT NULL,
    PRIMARY KEY (base, region, epoch)) WITHOUT ROWID`);
  sql.exec("INSERT INTO group_sums (base, region, value) SELECT base, region, value FROM group_sums_before");
  sql.exec("DROP TABLE group_sums_before");
};

const m008Reports: Migration = (sql) => {
  sql.exec(`CREATE TABLE reports (
    region TEXT PRIMARY KEY, at INTEGER NOT NULL, base INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID`);
};

const m009Series: Migration = (sql) => {
  sql.exec(`CREATE TABLE series (
    range TEXT NOT NULL, place INTEGER NOT NULL, slot INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (range, place)) WITHOUT ROWID`);
};

const m010Alerts: Migration = (sql) => {
  sql.exec(`CREATE TABLE webhooks (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, secret TEXT NOT NULL, form TEXT NOT NULL, kinds TEXT, createdAt INTEGER NOT NULL,
    createdBy TEXT NOT NULL, last TEXT) WITHOUT ROWID`);
  sql.exec(`CREATE TABLE alerts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, kind TEXT NOT NULL, region TEXT,
    title TEXT NOT NULL, detail TEXT NOT NULL)`);
};

export const migrations: readonly Migration[] = [
  m001Tables,
  m002OpenedRegions,
  m003Groups,
  m004Pairs,
  m005Turns,
  m006Ledger,
  m007Storage,
  m008Reports,
  m009Series,
  m010Alerts,
];
