import { number, table } from "../../table.ts";

const revision = table("revision", { value: number() });

/** The table `revision`: one number that grows with each change of the tokens. */
export class Revision {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  value(): number {
    return revision.first(this.sql, "")?.value ?? 0;
  }

  increase(): void {
    revision.update(this.sql, { value: this.value() + 1 }, "");
  }
}
