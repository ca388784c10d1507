import { concatBytes } from "#core/bytes.ts";
import { decodeSums, encodeSums, type Sums } from "#core/head/sums.ts";
import { bytes, flag, json, nullable, number, type RowOf, table, text } from "../../table.ts";
import { shardMaxBytes } from "./sums.ts";

export const contributionsTable = table("contributions", {
  owner: text(),
  id: text(),
  /** When it changed, ms since 1970, and above all before: a number never comes back, whatever was deleted. */
  change: number(),
  revision: number(),
  backbone: nullable(text()),
  width: number(),
  classes: number(),
  labels: number(),
  openLabels: json<string[]>(),
  trusted: flag(),
  at: number(),
});

export const contributionSumsTable = table("contribution_sums", {
  owner: text(),
  id: text(),
  shard: number(),
  value: bytes(),
});

/** A contribution as it is stored. One that was withdrawn has no backbone, and keeps its revision. */
export type ContributionRow = RowOf<typeof contributionsTable>;

const isCounted = "openLabels = '[]' AND trusted = 1 AND backbone IS NOT NULL";

/** The tables `contributions` and `contribution_sums`: the sums of each contributor apart, so that each can be withdrawn. */
export class Contributions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  find(owner: string, id: string): ContributionRow | null {
    return contributionsTable.first(this.sql, "WHERE owner = ? AND id = ?", owner, id);
  }

  /** Replaces a contribution; null withdraws it, and keeps its revision. */
  set(row: Omit<ContributionRow, "change">, sums: Sums | null): void {
    const { owner, id } = row;
    contributionSumsTable.delete(this.sql, "WHERE owner = ? AND id = ?", owner, id);
    contributionsTable.insert(this.sql, { ...row, change: this.nextChange() }, "replace");
    if (!sums) return;
    const encoded = encodeSums(sums);
    for (let shard = 0; shard * shardMaxBytes < encoded.byteLength; shard++) {
      const value = encoded.slice(shard * shardMaxBytes, (shard + 1) * shardMaxBytes).buffer;
      contributionSumsTable.insert(this.sql, { owner, id, shard, value });
    }
  }

  /** Deletes everything of an owner, revisions included. Returns the labels that it had contributed. */
  remove(owner: string): number {
    const query = "SELECT count(*) AS n, coalesce(sum(labels), 0) AS labels FROM contributions WHERE owner = ?";
    const { n, labels } = this.sql.exec<{ n: number; labels: number }>(query, owner).one();
    if (n === 0) return 0;
    const change = this.nextChange();
    contributionsTable.delete(this.sql, "WHERE owner = ?", owner);
    contributionSumsTable.delete(this.sql, "WHERE owner = ?", owner);
    // Devices read the sums again only where the last change is another one.
    contributionsTable.update(this.sql, { change }, "WHERE change = (SELECT max(change) FROM contributions)");
    return labels;
  }

  /** Deletes the oldest withdrawn rows of an owner, so that it has room for one more; false where it has none. */
  makeRoom(owner: string, max: number): boolean {
    const query = "SELECT count(*) AS n, count(backbone) AS active FROM contributions WHERE owner = ?";
    const { n, active } = this.sql.exec<{ n: number; active: number }>(query, owner).one();
    if (active >= max) return false;
    const withdrawn = "SELECT rowid FROM contributions WHERE owner = ?1 AND backbone IS NULL ORDER BY change LIMIT ?2";
    contributionsTable.delete(this.sql, `WHERE rowid IN (${withdrawn})`, owner, Math.max(0, n + 1 - max));
    return true;
  }

  /** Bytes of the sums of all contributions but one, and of those of its owner. */
  bytesWithout(owner: string, id: string): { all: number; ofOwner: number } {
    const query = `SELECT coalesce(sum(length(value)), 0) AS "all",
        coalesce(sum(CASE WHEN owner = ?1 THEN length(value) END), 0) AS ofOwner
      FROM contribution_sums WHERE NOT (owner = ?1 AND id = ?2)`;
    return this.sql.exec<{ all: number; ofOwner: number }>(query, owner, id).one();
  }

  lastChange(): number {
    const query = "SELECT coalesce(max(change), 0) AS last FROM contributions";
    return this.sql.exec<{ last: number }>(query).one().last;
  }

  totals(): { contributors: number; labels: number } {
    const query = `SELECT count(*) AS contributors, coalesce(sum(labels), 0) AS labels FROM contributions WHERE ${isCounted}`;
    return this.sql.exec<{ contributors: number; labels: number }>(query).one();
  }

  latest(limit: number): ContributionRow[] {
    return [...contributionsTable.select(this.sql, "ORDER BY change DESC LIMIT ?", limit)];
  }

  /** Reads the contributions that retrains learn from on a backbone with so many classes, one at a time. */
  *counted(backbone: string, classes: number): Generator<Sums> {
    const rows = contributionsTable.select(
      this.sql,
      `WHERE backbone = ? AND classes = ? AND ${isCounted}`,
      backbone,
      classes,
    );
    for (const row of [...rows]) yield this.sumsOf(row);
  }

  /** Lists all contributions on a backbone. */
  on(backbone: string): ContributionRow[] {
    return [...contributionsTable.select(this.sql, "WHERE backbone = ? ORDER BY owner, id", backbone)];
  }

  sumsOf({ owner, id, width, classes }: ContributionRow): Sums {
    const shards = contributionSumsTable.select(this.sql, "WHERE owner = ? AND id = ? ORDER BY shard", owner, id);
    const parts = Array.from(shards, ({ value }) => new Uint8Array(value));
    return decodeSums(width, classes, concatBytes(parts).buffer);
  }

  private nextChange(): number {
    return Math.max(Date.now(), this.lastChange() + 1);
  }
}
