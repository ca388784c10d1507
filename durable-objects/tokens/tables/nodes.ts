import { type NodeReport, nodeKeepMs, nodesMax, type Share } from "#core/contract/index.ts";
import { json, nullable, number, type RowOf, table, text } from "../../table.ts";

const nodes = table("nodes", {
  id: text(),
  share: text<Share>(),
  invitedAt: number(),
  enrolledAt: nullable(number()),
  reportedAt: nullable(number()),
  report: nullable(json<NodeReport>()),
});

/** A node as it is stored; the token of its id says what it may do, and whether it was revoked. */
export type NodeRow = RowOf<typeof nodes>;

const isListed =
  "nodes.id = tokens.id AND (tokens.revokedAt > ?1 OR (tokens.revokedAt IS NULL AND (nodes.enrolledAt IS NOT NULL OR nodes.invitedAt > ?1)))";

/** The table `nodes`: the nodes under this rung that were invited, each with its last report. */
export class Nodes {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  find(id: string): NodeRow | null {
    return nodes.first(this.sql, "WHERE id = ?", id);
  }

  /** Returns what is listed, by id: no node that was revoked long ago, and no invitation that nobody used for long. */
  listed(now: number): NodeRow[] {
    const clause = `JOIN tokens WHERE ${isListed} ORDER BY nodes.id LIMIT ?2`;
    return [...nodes.select(this.sql, clause, now - nodeKeepMs, nodesMax)];
  }

  hasRoom(now: number): boolean {
    const query = `SELECT count(*) AS n FROM nodes JOIN tokens WHERE ${isListed}`;
    return this.sql.exec<{ n: number }>(query, now - nodeKeepMs).one().n < nodesMax;
  }

  invite(id: string, share: Share, now: number): void {
    nodes.insert(this.sql, { id, share, invitedAt: now }, "replace");
  }

  enrol(id: string, now: number): void {
    nodes.update(this.sql, { enrolledAt: now }, "WHERE id = ?", id);
  }

  report(id: string, report: NodeReport, now: number): void {
    nodes.update(this.sql, { reportedAt: now, report }, "WHERE id = ?", id);
  }
}
