/** One step of a schema: runs once, never changes afterwards. */
export type Migration = (sql: SqlStorage) => void;

/** Brings an object's tables up to date, each migration once, in order, in one transaction. */
export function migrate(storage: DurableObjectStorage, migrations: readonly Migration[]): void {
  storage.transactionSync(() => {
    storage.sql.exec("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)");
    const { done } = storage.sql.exec<{ done: number }>("SELECT count(*) AS done FROM migrations").one();
    migrations.slice(done).forEach((step, i) => {
      step(storage.sql);
      storage.sql.exec("INSERT INTO migrations VALUES (?)", done + i);
    });
  });
}
