import { type AuditEntry, auditKeepMs, auditMaxRows } from "#core/contract/index.ts";
import { defaulted, nullable, number, table, text } from "../../table.ts";
import type { AuditRequest, NewAuditEntry } from "../api.ts";

/** The log is trimmed by count each time that it has grown by so many rows. */
const trimEveryRows = 1_000;

const audit = table("audit", {
  number: defaulted(number()),
  at: number(),
  token: text(),
  act: text(),
  model: nullable(text()),
  region: nullable(text()),
  target: nullable(text()),
  status: number(),
});

/**
 * The table `audit`: administrative acts. Refused ones are counted apart, and where there are too many, the token with the most
 * loses its oldest: a flood pushes out only itself.
 */
export class AuditLog {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  add(entry: NewAuditEntry): void {
    audit.insert(this.sql, entry);
    const { last } = this.sql.exec<{ last: number }>("SELECT max(number) AS last FROM audit").one();
    if (last % trimEveryRows === 0) this.trim();
  }

  read({ after, from, limit, order = "oldest" }: AuditRequest): AuditEntry[] {
    const [follows, by] = order === "newest" ? ["<", "DESC"] : [">", "ASC"];
    const rest = `WHERE number ${follows} ? AND at >= ? ORDER BY number ${by} LIMIT ?`;
    return [...audit.select(this.sql, rest, after, from, limit)];
  }

  /** Deletes what is too old. */
  expire(now: number): void {
    audit.delete(this.sql, "WHERE at < ?", now - auditKeepMs);
  }

  isEmpty(): boolean {
    return audit.first(this.sql, "") === null;
  }

  private trim(): void {
    for (const [statuses, max] of [
      ["status < 400", auditMaxRows.done],
      ["status >= 400", auditMaxRows.refused],
    ] as const) {
      const { n } = this.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM audit WHERE ${statuses}`).one();
      const heaviest = `SELECT token FROM audit WHERE ${statuses} GROUP BY token ORDER BY count(*) DESC LIMIT 1`;
      const oldest = `SELECT number FROM audit WHERE ${statuses} AND token = (${heaviest}) ORDER BY number LIMIT ?`;
      if (n > max) audit.delete(this.sql, `WHERE number IN (${oldest})`, n - max);
    }
  }
}
