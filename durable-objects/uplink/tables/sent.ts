import type { ClassTotal } from "#core/head/contribution.ts";
import { json, type RowOf, table, text } from "../../table.ts";

const sent = table("sent", { model: text(), region: text(), backbone: text(), classes: json<ClassTotal[]>() });

/** The table `sent`: what the sums had that were sent last. Kept when they are withdrawn, since the rung above has seen them. */
export class SentSums {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  of(model: string, region: string): Pick<RowOf<typeof sent>, "backbone" | "classes">[] {
    const rows = sent.select(this.sql, "WHERE model = ? AND region = ?", model, region);
    return Array.from(rows, ({ backbone, classes }) => ({ backbone, classes }));
  }

  set(row: RowOf<typeof sent>): void {
    sent.insert(this.sql, row, "replace");
  }
}
