import { table, text } from "../../table.ts";

const settings = table("settings", { key: text(), value: text() });

/** The table `settings`: settings with which the node ran before, by name. */
export class Settings {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(key: string): string | null {
    return settings.first(this.sql, "WHERE key = ?", key)?.value ?? null;
  }

  set(key: string, value: string): void {
    settings.insert(this.sql, { key, value }, "replace");
  }
}
