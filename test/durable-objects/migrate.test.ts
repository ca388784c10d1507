import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { migrate, StateFormatError } from "#objects/migrate.ts";

let objects = 0;

/** A region object with storage that no migration has touched. */
function inEmptyStorage<T>(work: (storage: DurableObjectStorage) => T | Promise<T>): Promise<T> {
  const stub = env.REGION.get(env.REGION.idFromName(`migrate~${++objects}`));
  return runInDurableObject(stub, async (_, { storage }) => {
    await storage.deleteAll();
    return work(storage);
  });
}

/** Writes what the migrations of version 0.1 wrote (shortened to two tables). */
function writeState01(sql: SqlStorage): void {
  sql.exec("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)");
  sql.exec(`CREATE TABLE jobs (
    kind TEXT NOT NULL, key TEXT NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, key))`);
  sql.exec("CREATE TABLE recalls (base INTEGER PRIMARY KEY, radius REAL, report TEXT NOT NULL)");
  sql.exec("INSERT INTO recalls VALUES (1, 0.998, '{}')");
  for (let number = 0; number < 5; number++) sql.exec("INSERT INTO migrations VALUES (?)", number);
}

const createOne = (sql: SqlStorage) => void sql.exec("CREATE TABLE one (id INTEGER)");
const createTwo = (sql: SqlStorage) => void sql.exec("CREATE TABLE two (id INTEGER)");

describe("migrate", () => {
  it("runs each migration once, in order", async () => {
    const tables = await inEmptyStorage((storage) => {
      migrate(storage, [createOne]);
      migrate(storage, [createOne]);
      migrate(storage, [createOne, createTwo]);
      const rows = storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name IN ('one', 'two')");
      return rows.toArray().map(({ name }) => name);
    });
    expect(tables).toEqual(["one", "two"]);
  });

  it("changes nothing when a migration fails", async () => {
    await inEmptyStorage((storage) => {
      migrate(storage, [createOne]);
      const failing = () => {
        throw new Error("no");
      };
      expect(() => migrate(storage, [createOne, createTwo, failing])).toThrow("no");
      expect(() => migrate(storage, [createOne, createTwo])).not.toThrow();
    });
  });

  it("refuses state of version 0.1, says how to reset it, and leaves it as it is", async () => {
    await inEmptyStorage((storage) => {
      writeState01(storage.sql);
      expect(() => migrate(storage, [createOne])).toThrow(StateFormatError);
      expect(() => migrate(storage, [createOne])).toThrow(
        /written by Upriver 0\.1.*Locally: run npm run reset, then npm start\. Deployed: npx wrangler delete/,
      );
      expect(storage.sql.exec("SELECT radius FROM recalls").one()).toEqual({ radius: 0.998 });
      expect(storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name IN ('schema', 'one')").toArray()).toEqual([]);
    });
  });

  it("refuses state of an unknown format", async () => {
    await inEmptyStorage((storage) => {
      migrate(storage, [createOne]);
      storage.sql.exec("UPDATE schema SET format = 'upriver/9'");
      expect(() => migrate(storage, [createOne])).toThrow(/the format 'upriver\/9'/);
    });
  });

  it("lets callers of the object tell the error by its name", async () => {
    const stub = env.REGION.get(env.REGION.idFromName("migrate~old"));
    await runInDurableObject(stub, async (_, { storage }) => {
      await storage.deleteAll();
      writeState01(storage.sql);
    });
    await evictDurableObject(stub);
    await expect(async () => stub.runs()).rejects.toThrow(/StateFormatError: This object's state was written by/);
  });
});
