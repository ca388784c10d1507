import { wholeGroups } from "#core/confidence/splits.ts";
import { table, text } from "../../table.ts";

export const groupKeysTable = table("group_keys", { key: text() });

/** The table `group_keys`: the first groups that a region saw, until there are enough to hold out whole ones. */
export class GroupKeys {
  private readonly sql: SqlStorage;
  private known: Set<string> | null = null;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Remembers a group, and tells whether the region has seen enough to hold out whole groups. */
  isEnoughWith(key: string): boolean {
    this.known ??= new Set(Array.from(groupKeysTable.select(this.sql, ""), (row) => row.key));
    if (this.known.size < wholeGroups && !this.known.has(key)) {
      groupKeysTable.insert(this.sql, { key }, "ignore");
      this.known.add(key);
    }
    return this.known.size >= wholeGroups;
  }

  /** Starts over after the tables were emptied. */
  startOver(): void {
    this.known = null;
  }
}
