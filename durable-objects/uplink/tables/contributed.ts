import { nullable, number, type RowOf, table, text } from "../../table.ts";

const contributed = table("contributed", {
  model: text(),
  region: text(),
  /** The region above. */
  above: text(),
  revision: number(),
  labels: number(),
  forgotten: number(),
  backbone: text(),
  at: number(),
  fault: nullable(text()),
});

/** What the rung above may hold of a region: recorded before it is sent, so that it can be withdrawn. */
export type ContributedSums = RowOf<typeof contributed>;

/** The table `contributed`: the sums of each region that are above. */
export class ContributedRegions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  find(model: string, region: string): ContributedSums | null {
    return contributed.first(this.sql, "WHERE model = ? AND region = ?", model, region);
  }

  all(): ContributedSums[] {
    return [...contributed.select(this.sql, "ORDER BY model, region")];
  }

  set(row: ContributedSums): void {
    contributed.insert(this.sql, row, "replace");
  }

  remove(model: string, region: string): void {
    contributed.delete(this.sql, "WHERE model = ? AND region = ?", model, region);
  }
}
