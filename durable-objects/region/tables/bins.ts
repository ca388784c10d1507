import type { Bins } from "#core/contract/index.ts";
import { json, table, text } from "../../table.ts";

export const binsTable = table("bins", { backbone: text(), bins: json<Bins>() });

/** The table `bins`: the bins by which the sums of a backbone count numbers, so that a sample can be subtracted exactly. */
export class SumBins {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(backbone: string): Bins | null {
    return binsTable.first(this.sql, "WHERE backbone = ?", backbone)?.bins ?? null;
  }

  /** Records the bins of a backbone, once. */
  set(backbone: string, bins: Bins): void {
    binsTable.insert(this.sql, { backbone, bins }, "ignore");
  }
}
