import type { ModelPointer } from "#core/contract/index.ts";

const key = "current";

/** The table `pointers`: which versions serve. */
export class Pointers {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(): ModelPointer | null {
    const [row] = this.sql.exec<{ value: string }>("SELECT value FROM pointers WHERE key = ?", key);
    return row ? (JSON.parse(row.value) as ModelPointer) : null;
  }

  set(pointer: ModelPointer): void {
    this.sql.exec("INSERT OR REPLACE INTO pointers VALUES (?, ?, ?)", key, pointer.revision, JSON.stringify(pointer));
  }
}
