import { nullable, number, table, text } from "../../table.ts";

const shared = table("shared", {
  model: text(),
  region: text(),
  epoch: nullable(text()),
  revision: number(),
  seen: number(),
});

/** Up to which revision of a region its samples went up, and up to which it has any. */
export interface SharedSamples {
  epoch: string | null;
  revision: number;
  seen: number;
}

/** The table `shared`: how far the samples of each region have gone up. */
export class SharedRegions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(model: string, region: string): SharedSamples {
    const row = shared.first(this.sql, "WHERE model = ? AND region = ?", model, region);
    return row ?? { epoch: null, revision: 0, seen: 0 };
  }

  set(model: string, region: string, state: SharedSamples): void {
    shared.insert(this.sql, { model, region, ...state }, "replace");
  }

  /** Returns how many changes of samples have not gone up. */
  waiting(): number {
    const query = "SELECT coalesce(sum(max(0, seen - revision)), 0) AS n FROM shared";
    return this.sql.exec<{ n: number }>(query).one().n;
  }
}
