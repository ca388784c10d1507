import { nullable, number, type RowOf, table, text } from "../../table.ts";

const taken = table("taken", {
  model: text(),
  revision: number(),
  version: nullable(number()),
  fault: nullable(text()),
  triedAt: number(),
});

/** What was taken of a model: the highest revision that was seen, the version that was rolled out, and why nothing newer was. */
export type TakenModel = RowOf<typeof taken>;

/** The table `taken`: what the node has of the models above. */
export class TakenModels {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(model: string): TakenModel {
    const none = { model, revision: 0, version: null, fault: null, triedAt: 0 };
    return taken.first(this.sql, "WHERE model = ?", model) ?? none;
  }

  all(): TakenModel[] {
    return [...taken.select(this.sql, "ORDER BY model")];
  }

  /** Records what was taken. A revision that was seen stays seen. */
  set(row: TakenModel): void {
    const revision = Math.max(row.revision, this.get(row.model).revision);
    taken.insert(this.sql, { ...row, revision }, "replace");
  }
}
