import type { GroupSums } from "#core/confidence/group.ts";
import { json, nullable, number, table, text } from "../../table.ts";

const sumsTable = table("group_sums", { base: number(), region: text(), epoch: text(), value: json<GroupSums>() });
const groupsTable = table("groups", { base: number(), number: number(), reason: nullable(text()) });

/** The tables `group_sums` and `groups`: what each region contributes to its group's certificate, by version. */
export class GroupSumStore {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Returns the number of the group's window, and why the one before was closed. */
  group(base: number): { number: number; reason: string | null } {
    return groupsTable.first(this.sql, "WHERE base = ?", base) ?? { number: 1, reason: null };
  }

  /** Stores what a region's object has counted in all. Sums of a release without epochs (`""`) are part of it. */
  set(base: number, region: string, epoch: string, value: GroupSums): void {
    sumsTable.delete(this.sql, "WHERE base = ? AND region = ? AND epoch = ''", base, region);
    sumsTable.insert(this.sql, { base, region, epoch, value }, "replace");
  }

  all(base: number): GroupSums[] {
    return Array.from(sumsTable.select(this.sql, "WHERE base = ? ORDER BY region, epoch", base), ({ value }) => value);
  }

  forgetRegion(region: string): void {
    sumsTable.delete(this.sql, "WHERE region = ?", region);
  }

  /** Starts the group's next window. */
  startOver(base: number, number: number, reason: string): void {
    sumsTable.delete(this.sql, "WHERE base = ?", base);
    groupsTable.insert(this.sql, { base, number, reason }, "replace");
  }
}
