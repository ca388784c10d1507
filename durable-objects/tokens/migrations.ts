import { createJobs } from "../jobs.ts";
import type { Migration } from "../migrate.ts";

const m001Tables: Migration = (sql) => {
  createJobs(sql);
  sql.exec(`CREATE TABLE tokens (
    id TEXT PRIMARY KEY, scopes TEXT NOT NULL, models TEXT NOT NULL, regions TEXT NOT NULL, limits TEXT NOT NULL,
    trusted INTEGER NOT NULL, createdAt INTEGER NOT NULL, expiresAt INTEGER, lastUsedAt INTEGER, revokedAt INTEGER)`);
  sql.exec(`CREATE TABLE secrets (
    sha256 TEXT PRIMARY KEY, token TEXT NOT NULL, madeAt INTEGER NOT NULL, until INTEGER) WITHOUT ROWID`);
  sql.exec("CREATE INDEX secrets_token ON secrets (token, madeAt)");
  sql.exec("CREATE TABLE revision (value INTEGER NOT NULL)");
  sql.exec("INSERT INTO revision VALUES (0)");
  sql.exec(`CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, token TEXT NOT NULL, act TEXT NOT NULL,
    model TEXT, region TEXT, target TEXT, status INTEGER NOT NULL)`);
};

const m002Nodes: Migration = (sql) => {
  sql.exec(`CREATE TABLE nodes (
    id TEXT PRIMARY KEY, share TEXT NOT NULL, invitedAt INTEGER NOT NULL, enrolledAt INTEGER, reportedAt INTEGER,
    report TEXT) WITHOUT ROWID`);
};

// A node that enrolled earlier may contribute sums as well. An invitation has no scope yet.
const m003Contribute: Migration = (sql) => {
  sql.exec(`UPDATE tokens SET scopes = json_insert(scopes, '$[#]', 'contribute')
    WHERE id IN (SELECT id FROM nodes) AND scopes LIKE '%"rung"%' AND scopes NOT LIKE '%"contribute"%'`);
  sql.exec("UPDATE revision SET value = value + 1");
};

export const migrations: readonly Migration[] = [m001Tables, m002Nodes, m003Contribute];
