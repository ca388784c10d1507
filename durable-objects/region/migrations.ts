import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";
import { createEpoch } from "./tables/epoch.ts";

// Append-only: a migration that has been released never changes.

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(`CREATE TABLE questions (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, base INTEGER NOT NULL, instance TEXT NOT NULL, payload TEXT NOT NULL,
    backbone TEXT, embedding BLOB, at INTEGER NOT NULL, receivedAt INTEGER NOT NULL, expiresAt INTEGER NOT NULL,
    accepted INTEGER NOT NULL, audited INTEGER NOT NULL, inclusionProbability REAL NOT NULL, split TEXT NOT NULL,
    fold INTEGER NOT NULL, groupKey TEXT NOT NULL, prediction TEXT NOT NULL, status TEXT NOT NULL, answer TEXT NOT NULL,
    opinions TEXT NOT NULL, traceparent TEXT, escalateAt INTEGER, tries INTEGER NOT NULL DEFAULT 0, reviewAt INTEGER,
    inReview INTEGER NOT NULL DEFAULT 0)`);
  sql.exec("CREATE INDEX questions_escalation ON questions (escalateAt) WHERE escalateAt IS NOT NULL");
  sql.exec("CREATE INDEX questions_review ON questions (reviewAt) WHERE reviewAt IS NOT NULL");
  sql.exec("CREATE INDEX questions_expiry ON questions (expiresAt)");
  // `revision` grows with every change: a reader of samples sees each change once.
  sql.exec(`CREATE TABLE samples (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, label TEXT NOT NULL,
    source TEXT NOT NULL, split TEXT NOT NULL, fold INTEGER NOT NULL, groupKey TEXT NOT NULL,
    inclusionProbability REAL, accepted INTEGER, owner TEXT, at INTEGER NOT NULL, labelledAt INTEGER NOT NULL,
    revision INTEGER NOT NULL)`);
  sql.exec("CREATE INDEX samples_revision ON samples (revision)");
  sql.exec("CREATE INDEX samples_at ON samples (at)");
  sql.exec("CREATE TABLE tombstones (revision INTEGER PRIMARY KEY, id TEXT NOT NULL)");
  // `label` and `weight` are what the sums contain of an embedding; NULL where they contain nothing.
  sql.exec(`CREATE TABLE embeddings (
    number INTEGER NOT NULL, backbone TEXT NOT NULL, vector BLOB NOT NULL, label INTEGER, weight INTEGER,
    PRIMARY KEY (backbone, number)) WITHOUT ROWID`);
  sql.exec(`CREATE TABLE sums (
    backbone TEXT NOT NULL, fold INTEGER NOT NULL, shard INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (backbone, fold, shard)) WITHOUT ROWID`);
  sql.exec(`CREATE TABLE archives (
    file INTEGER PRIMARY KEY, key TEXT NOT NULL, firstRevision INTEGER NOT NULL, lastRevision INTEGER NOT NULL,
    rows INTEGER NOT NULL)`);
  sql.exec("CREATE TABLE archived (hash INTEGER PRIMARY KEY, file INTEGER NOT NULL) WITHOUT ROWID");
  sql.exec(`CREATE TABLE trials (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, base INTEGER NOT NULL, prediction TEXT NOT NULL,
    inclusionProbability REAL NOT NULL, at INTEGER NOT NULL, dueAt INTEGER NOT NULL, error INTEGER, window INTEGER)`);
  sql.exec("CREATE INDEX trials_waiting ON trials (number) WHERE window IS NULL");
  sql.exec(`CREATE TABLE windows (
    number INTEGER PRIMARY KEY, base INTEGER NOT NULL, state TEXT NOT NULL, escalated INTEGER NOT NULL DEFAULT 0,
    afterTrial INTEGER NOT NULL, newest INTEGER, source TEXT NOT NULL DEFAULT 'truth', closedAt INTEGER, reason TEXT)`);
  sql.exec("CREATE INDEX windows_base ON windows (base, number)");
  sql.exec("CREATE TABLE thresholds (base INTEGER PRIMARY KEY, threshold REAL NOT NULL, published TEXT)");
  sql.exec("CREATE TABLE semantic_cache (base INTEGER PRIMARY KEY, radius REAL, report TEXT NOT NULL)");
  sql.exec("CREATE TABLE drifts (at INTEGER PRIMARY KEY, base INTEGER NOT NULL, report TEXT NOT NULL)");
  sql.exec(`CREATE TABLE runs (
    id TEXT PRIMARY KEY, base INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT, report TEXT, at INTEGER NOT NULL,
    startedAt INTEGER NOT NULL, finishedAt INTEGER, lastSample INTEGER NOT NULL, phase TEXT NOT NULL,
    cursor TEXT NOT NULL)`);
  sql.exec(
    "CREATE TABLE run_state (run TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (run, name))",
  );
  sql.exec("CREATE TABLE heads (base INTEGER PRIMARY KEY, revision INTEGER NOT NULL, manifest TEXT, rule TEXT)");
  // One row while a canary is watched.
  sql.exec(
    "CREATE TABLE canary (watch INTEGER NOT NULL, stable INTEGER NOT NULL, canary INTEGER NOT NULL, labels TEXT NOT NULL)",
  );
  sql.exec(`CREATE TABLE canary_answers (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, base INTEGER NOT NULL, version TEXT NOT NULL,
    accepted INTEGER NOT NULL, prediction TEXT NOT NULL, scores BLOB, inclusionProbability REAL NOT NULL,
    error INTEGER, loss REAL, source TEXT, labelled INTEGER)`);
  sql.exec("CREATE INDEX canary_answers_labelled ON canary_answers (labelled) WHERE labelled IS NOT NULL");
  // One row for each version: a call costs one row written, however much it counts.
  sql.exec("CREATE TABLE counts (base INTEGER PRIMARY KEY, value TEXT NOT NULL)");
};

// Samples that are there already count: a region that has learned from them is past its first groups.
const m002GroupKeys: Migration = (sql) => {
  sql.exec("CREATE TABLE group_keys (key TEXT PRIMARY KEY) WITHOUT ROWID");
  sql.exec(
    "INSERT INTO group_keys SELECT groupKey FROM (SELECT groupKey FROM samples UNION SELECT groupKey FROM questions) LIMIT 8",
  );
};

// An earlier trial was planned, and nobody was asked about it.
const m003Opinions: Migration = (sql) => {
  sql.exec("ALTER TABLE trials ADD COLUMN planned INTEGER NOT NULL DEFAULT 1");
  sql.exec("ALTER TABLE trials ADD COLUMN opinionShare REAL");
  sql.exec("ALTER TABLE trials ADD COLUMN opinion TEXT");
  sql.exec("ALTER TABLE trials ADD COLUMN opinionDueAt INTEGER");
  sql.exec("ALTER TABLE trials ADD COLUMN predicted REAL");
  sql.exec("CREATE INDEX trials_opinions ON trials (number) WHERE opinionDueAt IS NOT NULL");
};

// Earlier questions keep what they have: no label compares their answers.
const m004Escalations: Migration = (sql) => {
  sql.exec(`CREATE TABLE escalations (
    base INTEGER PRIMARY KEY, state TEXT NOT NULL, stacking TEXT NOT NULL, unasked INTEGER NOT NULL DEFAULT 0)`);
  sql.exec("ALTER TABLE questions ADD COLUMN route TEXT");
  sql.exec("ALTER TABLE questions ADD COLUMN above TEXT");
  sql.exec("CREATE INDEX questions_in_review ON questions (inReview) WHERE inReview = 1");
};

// A group's certificate begins with the first trial that is counted from now on.
const m005Groups: Migration = (sql) => {
  sql.exec(`CREATE TABLE group_windows (
    base INTEGER PRIMARY KEY, state TEXT NOT NULL, escalated INTEGER NOT NULL DEFAULT 0, newest INTEGER,
    sent INTEGER NOT NULL DEFAULT 0)`);
  sql.exec("ALTER TABLE trials ADD COLUMN groupWindow INTEGER");
};

// An earlier question may be answered with any label, and its caller asked for no list.
const m006Candidates: Migration = (sql) => {
  sql.exec("ALTER TABLE questions ADD COLUMN candidates TEXT");
  sql.exec("ALTER TABLE questions ADD COLUMN top INTEGER");
};

// Earlier models predicted no numbers.
const m007Bins: Migration = (sql) => {
  sql.exec("CREATE TABLE bins (backbone TEXT PRIMARY KEY, bins TEXT NOT NULL) WITHOUT ROWID");
};

// A watch goes on with the questions that wait for their labels: both versions' current heads answer them. Labelled ones are
// left out, since those heads may have learned from their labels.
const m008Pairs: Migration = (sql) => {
  sql.exec("ALTER TABLE canary_answers ADD COLUMN label TEXT");
  sql.exec("ALTER TABLE canary_answers ADD COLUMN groupKey TEXT");
  sql.exec("ALTER TABLE canary_answers ADD COLUMN isBorrowed INTEGER NOT NULL DEFAULT 0");
  sql.exec("ALTER TABLE canary_answers ADD COLUMN otherRevision INTEGER NOT NULL DEFAULT 0");
  sql.exec("ALTER TABLE canary_answers ADD COLUMN otherAccepted INTEGER");
  sql.exec("ALTER TABLE canary_answers ADD COLUMN otherPrediction TEXT");
  sql.exec("ALTER TABLE canary_answers ADD COLUMN otherError INTEGER");
  sql.exec("ALTER TABLE canary_answers ADD COLUMN obstacle TEXT");
  const due = "labelled IS NOT NULL AND otherError IS NULL AND obstacle IS NULL";
  sql.exec(`CREATE INDEX canary_answers_due ON canary_answers (labelled) WHERE ${due}`);
  sql.exec("CREATE INDEX canary_answers_group ON canary_answers (groupKey)");
  sql.exec(`CREATE TABLE canary_heads (
    base INTEGER NOT NULL, revision INTEGER NOT NULL, manifest TEXT, rule TEXT, PRIMARY KEY (base, revision))`);
  sql.exec("DELETE FROM canary_answers WHERE labelled IS NOT NULL OR id NOT IN (SELECT id FROM questions)");
  sql.exec(`INSERT INTO canary_heads SELECT base, revision, manifest, rule FROM heads
    WHERE base IN (SELECT stable FROM canary UNION SELECT canary FROM canary)`);
  // A group key that was made from a content ends with its hash, of 64 digits.
  sql.exec(`UPDATE canary_answers AS a SET source = NULL, error = NULL, loss = NULL, scores = NULL,
    groupKey = (SELECT CASE WHEN substr(groupKey, -65, 1) = '|' THEN substr(groupKey, 1, length(groupKey) - 65) ELSE groupKey END
      FROM questions q WHERE q.id = a.id),
    otherRevision = coalesce((SELECT max(revision) FROM canary_heads h WHERE h.base <> a.base), 0)`);
};

const m009ExternalRungs: Migration = (sql) => {
  sql.exec("CREATE TABLE external_rungs (rung TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID");
};

// Nothing that was spent before counts in a budget.
const m010Leases: Migration = (sql) => {
  sql.exec("CREATE TABLE leases (month TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID");
};

// Every earlier label was trusted, and counts as its owner's.
const m011Trust: Migration = (sql) => {
  sql.exec("ALTER TABLE samples ADD COLUMN labelledBy TEXT");
  sql.exec("ALTER TABLE samples ADD COLUMN trusted INTEGER NOT NULL DEFAULT 1");
  sql.exec("CREATE INDEX samples_untrusted ON samples (number) WHERE trusted = 0");
  sql.exec(`CREATE TABLE untrusted_labels (
    day INTEGER NOT NULL, owner TEXT NOT NULL, given INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, owner)) WITHOUT ROWID`);
  sql.exec("ALTER TABLE runs ADD COLUMN acceptedOwners TEXT");
};

// The owners of earlier questions may have any number of them with people.
const m012ReviewLimits: Migration = (sql) => {
  sql.exec("ALTER TABLE questions ADD COLUMN reviewLimit INTEGER");
};

// Heads that are there already are read from R2 by the job, which checks every day.
const m013Storage: Migration = (sql) => {
  createEpoch(sql);
  sql.exec("CREATE TABLE head_blobs (sha256 TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, bytes BLOB NOT NULL)");
  sql.exec("INSERT INTO jobs (kind, key, due) SELECT 'heads', '', 0 WHERE EXISTS (SELECT 1 FROM heads)");
};

// Earlier heads have learned from `train` alone: their validation samples judge them.
const m014HeldOutHeads: Migration = (sql) => {
  sql.exec(`CREATE TABLE held_out_heads (
    base INTEGER NOT NULL, head INTEGER NOT NULL, fold INTEGER NOT NULL, weights BLOB NOT NULL,
    PRIMARY KEY (base, head, fold))`);
};

// Questions expire in the order in which they came: their rows stand in it. Those that an earlier release was answering are
// scheduled.
const m015Questions: Migration = (sql) => {
  sql.exec("DROP INDEX questions_expiry");
  sql.exec("ALTER TABLE counts ADD COLUMN through INTEGER");
  sql.exec("UPDATE counts SET through = (SELECT max(rowid) FROM questions)");
};

// Nothing was contributed before.
const m016Contributions: Migration = (sql) => {
  sql.exec(`CREATE TABLE contributions (
    owner TEXT NOT NULL, id TEXT NOT NULL, change INTEGER NOT NULL, revision INTEGER NOT NULL, backbone TEXT,
    width INTEGER NOT NULL, classes INTEGER NOT NULL, labels REAL NOT NULL, openLabels TEXT NOT NULL,
    trusted INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (owner, id))`);
  sql.exec("CREATE INDEX contributions_change ON contributions (change)");
  sql.exec(`CREATE TABLE contribution_sums (
    owner TEXT NOT NULL, id TEXT NOT NULL, shard INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (owner, id, shard))`);
};

// Nobody was asked to check a label before.
const m017Checks: Migration = (sql) => {
  sql.exec(`CREATE TABLE checks (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, at INTEGER NOT NULL, judged INTEGER NOT NULL) WITHOUT ROWID`);
  sql.exec("CREATE INDEX checks_waiting ON checks (state, at) WHERE state IN ('due', 'asked')");
};

export const migrations: readonly Migration[] = [
  m001Tables,
  m002GroupKeys,
  m003Opinions,
  m004Escalations,
  m005Groups,
  m006Candidates,
  m007Bins,
  m008Pairs,
  m009ExternalRungs,
  m010Leases,
  m011Trust,
  m012ReviewLimits,
  m013Storage,
  m014HeldOutHeads,
  m015Questions,
  m016Contributions,
  m017Checks,
];
