import type { ModelPointer } from "#core/contract/index.ts";
import { json, number, table, text } from "../../table.ts";

const key = "current";
const pointers = table("pointers", { key: text(), revision: number(), value: json<ModelPointer>() });

/** The table `pointers`: which versions serve. */
export class Pointers {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(): ModelPointer | null {
    return pointers.first(this.sql, "WHERE key = ?", key)?.value ?? null;
  }

  set(pointer: ModelPointer): void {
    pointers.insert(this.sql, { key, revision: pointer.revision, value: pointer }, "replace");
  }
}
