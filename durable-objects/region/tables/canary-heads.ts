import type { HeadManifest, Rule } from "#core/contract/index.ts";
import { json, nullable, number, table } from "../../table.ts";

export const canaryHeadsTable = table("canary_heads", {
  base: number(),
  revision: number(),
  manifest: nullable(json<HeadManifest>()),
  rule: nullable(json<Rule>()),
});

/** A version's own head and rule in a region; null for those of the version itself. */
export interface HeadInForce {
  head: HeadManifest | null;
  rule: Rule | null;
}

/**
 * The table `canary_heads`: the heads and rules that versions of a watched canary had when questions were asked. The
 * current head may have learned from the label that it would be compared by.
 */
export class CanaryHeads {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Keeps what a version has now, and returns its revision. */
  keepCurrent(base: number): number {
    this.sql.exec(
      `INSERT OR IGNORE INTO canary_heads (base, revision, manifest, rule)
       SELECT base, revision, manifest, rule FROM heads WHERE base = ?`,
      base,
    );
    const query = "SELECT coalesce(max(revision), 0) AS revision FROM heads WHERE base = ?";
    return this.sql.exec<{ revision: number }>(query, base).one().revision;
  }

  get(base: number, revision: number): HeadInForce {
    const row = canaryHeadsTable.first(this.sql, "WHERE base = ? AND revision = ?", base, revision);
    return { head: row?.manifest ?? null, rule: row?.rule ?? null };
  }
}
