/** One step of a schema: runs once and never changes afterwards. */
export type Migration = (sql: SqlStorage) => void;

/** The format of the stored state. It changes only when migrations cannot lead from the old state to the new. */
const format = "upriver/2";

/**
 * The state of an object was written by a version that this one cannot read. An error of an object reaches its caller as
 * text, so the message begins with the name: a caller tells it by `String(error)` containing `StateFormatError`.
 */
export class StateFormatError extends Error {
  constructor(writtenBy: string) {
    super(
      `StateFormatError: This object's state was written by Upriver ${writtenBy}, which this version cannot read. ` +
        "Locally: run npm run reset, then npm start. Deployed: npx wrangler delete, then deploy and publish again.",
    );
  }
}

/**
 * Brings an object's tables up to date in one transaction: runs the migrations that have not run yet, in order. Throws
 * `StateFormatError`, and changes nothing, where another format wrote the tables.
 */
export function migrate(storage: DurableObjectStorage, migrations: readonly Migration[]): void {
  const { sql } = storage;
  storage.transactionSync(() => {
    // Version 0.1 counted its migrations in a table `migrations` and had no table `schema`.
    if (hasTable(sql, "migrations")) throw new StateFormatError("0.1");
    sql.exec("CREATE TABLE IF NOT EXISTS schema (format TEXT NOT NULL, migrations INTEGER NOT NULL)");
    const [state] = sql.exec<{ format: string; migrations: number }>("SELECT format, migrations FROM schema");
    if (!state) sql.exec("INSERT INTO schema VALUES (?, 0)", format);
    else if (state.format !== format) throw new StateFormatError(`with the format '${state.format}'`);
    for (const step of migrations.slice(state?.migrations ?? 0)) step(sql);
    sql.exec("UPDATE schema SET migrations = ?1 WHERE migrations < ?1", migrations.length);
  });
}

function hasTable(sql: SqlStorage, name: string): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name).toArray().length > 0;
}
