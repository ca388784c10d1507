import type { UplinkState } from "#core/contract/index.ts";
import { nullable, number, type RowOf, table, text } from "../../table.ts";

const line = table("line", {
  key: text(),
  state: text<UplinkState["state"]>(),
  since: number(),
  reason: nullable(text()),
});

const key = "above";

/** The table `line`: whether the rung above can be used. Written only when that changes. */
export class Line {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(): Omit<RowOf<typeof line>, "key"> {
    const none = { key, state: "starting" as const, since: Date.now(), reason: null };
    const { key: _, ...known } = line.first(this.sql, "WHERE key = ?", key) ?? none;
    return known;
  }

  /** Records the state. Returns the one before where it is another; null where nothing has changed. */
  set(state: UplinkState["state"], reason: string | null): UplinkState["state"] | null {
    const before = this.get().state;
    if (before === state) return null;
    line.insert(this.sql, { key, state, since: Date.now(), reason }, "replace");
    return before;
  }
}
