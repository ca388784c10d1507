import type { Rule } from "#core/contract/index.ts";
import { json, nullable, number, table } from "../../table.ts";

export const thresholdsTable = table("thresholds", {
  base: number(),
  threshold: number(),
  published: nullable(json<Rule>()),
});

/** The table `thresholds`: the live threshold of each version, and the rule that the edge last received. */
export class Thresholds {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Returns the threshold that labels have moved; null where none has. */
  get(base: number): number | null {
    return thresholdsTable.first(this.sql, "WHERE base = ?", base)?.threshold ?? null;
  }

  set(base: number, threshold: number): void {
    const query = "INSERT INTO thresholds (base, threshold) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET threshold = ?2";
    this.sql.exec(query, base, threshold);
  }

  /** Forgets what labels have moved: the rules of the heads apply. */
  forget(): void {
    thresholdsTable.delete(this.sql, "");
  }

  /** Returns the rule that the edge last received. */
  published(base: number): Rule | null {
    return thresholdsTable.first(this.sql, "WHERE base = ?", base)?.published ?? null;
  }

  setPublished(base: number, rule: Rule): void {
    thresholdsTable.update(this.sql, { published: rule }, "WHERE base = ?", base);
  }
}
