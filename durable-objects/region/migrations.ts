import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(`CREATE TABLE questions (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, base INTEGER NOT NULL, instance TEXT NOT NULL,
    payload TEXT NOT NULL, backbone TEXT, embedding BLOB, at INTEGER NOT NULL, receivedAt INTEGER NOT NULL, expiresAt INTEGER NOT NULL,
    accepted INTEGER NOT NULL, audited INTEGER NOT NULL, inclusionProbability REAL NOT NULL, split TEXT NOT NULL, groupKey TEXT NOT NULL,
    status TEXT NOT NULL, answer TEXT NOT NULL, escalateAt INTEGER, tries INTEGER NOT NULL DEFAULT 0, reviewAt INTEGER,
    inReview INTEGER NOT NULL DEFAULT 0)`);
  sql.exec("CREATE INDEX questions_escalation ON questions (escalateAt) WHERE escalateAt IS NOT NULL");
  sql.exec("CREATE INDEX questions_review ON questions (reviewAt) WHERE reviewAt IS NOT NULL");
  sql.exec("CREATE INDEX questions_expiry ON questions (expiresAt)");
  sql.exec(`CREATE TABLE samples (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, label TEXT NOT NULL,
    source TEXT NOT NULL, split TEXT NOT NULL, groupKey TEXT NOT NULL, inclusionProbability REAL, at INTEGER NOT NULL,
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

const m002Learning: Migration = (sql) => {
  sql.exec("ALTER TABLE questions ADD COLUMN fold INTEGER NOT NULL DEFAULT 0");
  sql.exec("ALTER TABLE questions ADD COLUMN prediction TEXT NOT NULL DEFAULT ''");
  sql.exec("ALTER TABLE samples ADD COLUMN fold INTEGER NOT NULL DEFAULT 0");
  sql.exec("ALTER TABLE samples ADD COLUMN accepted INTEGER");
  sql.exec("ALTER TABLE samples ADD COLUMN owner TEXT");
  // Grows with every change, so that whoever pulls samples sees each of them once.
  sql.exec("ALTER TABLE samples ADD COLUMN revision INTEGER NOT NULL DEFAULT 0");
  sql.exec("UPDATE samples SET revision = number");
  sql.exec("CREATE INDEX samples_revision ON samples (revision)");
  sql.exec("CREATE INDEX samples_at ON samples (at)");
  sql.exec("CREATE TABLE tombstones (revision INTEGER PRIMARY KEY, id TEXT NOT NULL)");
  // What the sums hold of an embedding; NULL where they don't.
  sql.exec("ALTER TABLE embeddings ADD COLUMN label INTEGER");
  sql.exec("ALTER TABLE embeddings ADD COLUMN weight INTEGER");
  sql.exec(`CREATE TABLE sums (
    backbone TEXT NOT NULL, fold INTEGER NOT NULL, shard INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (backbone, fold, shard)) WITHOUT ROWID`);
  sql.exec(`CREATE TABLE trials (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, base INTEGER NOT NULL, prediction TEXT NOT NULL, inclusionProbability REAL NOT NULL,
    at INTEGER NOT NULL, dueAt INTEGER NOT NULL, error INTEGER, window INTEGER)`);
  sql.exec("CREATE INDEX trials_waiting ON trials (number) WHERE window IS NULL");
  sql.exec(`CREATE TABLE windows (
    number INTEGER PRIMARY KEY, state TEXT NOT NULL, escalated INTEGER NOT NULL DEFAULT 0, afterTrial INTEGER NOT NULL,
    newest INTEGER, source TEXT NOT NULL DEFAULT 'truth', closedAt INTEGER, reason TEXT)`);
  sql.exec("CREATE TABLE thresholds (base INTEGER PRIMARY KEY, threshold REAL NOT NULL, told TEXT)");
  sql.exec("ALTER TABLE heads ADD COLUMN rule TEXT");
  sql.exec("CREATE TABLE semantic_cache (base INTEGER PRIMARY KEY, radius REAL, report TEXT NOT NULL)");
  sql.exec("CREATE TABLE drifts (at INTEGER PRIMARY KEY, base INTEGER NOT NULL, report TEXT NOT NULL)");
  sql.exec(`CREATE TABLE archives (
    file INTEGER PRIMARY KEY, key TEXT NOT NULL, firstRevision INTEGER NOT NULL, lastRevision INTEGER NOT NULL,
    rows INTEGER NOT NULL)`);
  sql.exec("CREATE TABLE archived (hash INTEGER PRIMARY KEY, file INTEGER NOT NULL) WITHOUT ROWID");
};

const m003Canary: Migration = (sql) => {
  // One row, while a canary is watched: the two versions, and each one's labels.
  sql.exec(
    "CREATE TABLE canary (watch INTEGER NOT NULL, stable INTEGER NOT NULL, canary INTEGER NOT NULL, labels TEXT NOT NULL)",
  );
  sql.exec(`CREATE TABLE canary_answers (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, base INTEGER NOT NULL, version TEXT NOT NULL,
    accepted INTEGER NOT NULL, prediction TEXT NOT NULL, scores BLOB, inclusionProbability REAL NOT NULL,
    error INTEGER, loss REAL, source TEXT, labelled INTEGER)`);
  sql.exec("CREATE INDEX canary_answers_labelled ON canary_answers (labelled) WHERE labelled IS NOT NULL");
};

// A window is one version's; the labels of those before may be of several.
const m004WindowsByBase: Migration = (sql) => {
  sql.exec("ALTER TABLE windows ADD COLUMN base INTEGER NOT NULL DEFAULT 0");
  sql.exec("CREATE INDEX windows_base ON windows (base, number)");
};

const m005Seen: Migration = (sql) => {
  // What each rung that was not sure made of a question, and the trace that it belongs to.
  sql.exec("ALTER TABLE questions ADD COLUMN opinions TEXT NOT NULL DEFAULT '[]'");
  sql.exec("ALTER TABLE questions ADD COLUMN traceparent TEXT");
  // One row a version, so that a call costs one row written however much it counts.
  sql.exec("CREATE TABLE counts (base INTEGER PRIMARY KEY, value TEXT NOT NULL)");
};

export const migrations: readonly Migration[] = [m001Tables, m002Learning, m003Canary, m004WindowsByBase, m005Seen];
