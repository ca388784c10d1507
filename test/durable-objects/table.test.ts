import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { bytes, defaulted, flag, json, nullable, number, type RowOf, table, text } from "#objects/table.ts";

const samples = table("samples_of_test", {
  id: defaulted(number()),
  name: text<"a" | "b">(),
  isSeen: flag(),
  scores: json<number[] | null>(),
  raw: nullable(bytes()),
  note: nullable(json<{ text: string }>()),
});

const first: RowOf<typeof samples> = {
  ...{ id: 1, name: "a", isSeen: true, scores: [0.5, 0.25] },
  ...{ raw: new Uint8Array([1, 2]).buffer, note: { text: "x" } },
};

/** Works on an empty table in the storage of an object. */
function withTable(work: (sql: SqlStorage) => void): Promise<void> {
  const stub = env.REVIEW.get(env.REVIEW.idFromName("table-test"));
  return runInDurableObject(stub, (_, { storage: { sql } }) => {
    sql.exec("DROP TABLE IF EXISTS samples_of_test");
    sql.exec(`CREATE TABLE samples_of_test (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, isSeen INTEGER NOT NULL,
      scores TEXT NOT NULL, raw BLOB, note TEXT)`);
    work(sql);
  });
}

describe("a table", () => {
  it("reads what was inserted, value for value", async () => {
    await withTable((sql) => {
      expect(samples.insert(sql, first)).toBe(true);
      expect([...samples.select(sql, "WHERE name = ?", "a")]).toEqual([first]);
    });
  });

  it("reads null for columns that an insert leaves out, and the value that the schema gives", async () => {
    await withTable((sql) => {
      samples.insert(sql, { name: "b", isSeen: false, scores: null });
      expect(samples.first(sql, "ORDER BY id")).toEqual({
        ...{ id: 1, name: "b", isSeen: false, scores: null, raw: null, note: null },
      });
    });
  });

  it("fails, keeps the row or replaces it where the key exists", async () => {
    await withTable((sql) => {
      samples.insert(sql, first);
      const other = { ...first, isSeen: false };
      expect(() => samples.insert(sql, other)).toThrow(/UNIQUE/);
      expect(samples.insert(sql, other, "ignore")).toBe(false);
      expect(samples.first(sql, "WHERE id = 1")?.isSeen).toBe(true);
      samples.insert(sql, other, "replace");
      expect(samples.first(sql, "WHERE id = 1")?.isSeen).toBe(false);
    });
  });

  it("updates and deletes only the rows that match a clause", async () => {
    await withTable((sql) => {
      samples.insert(sql, first);
      samples.insert(sql, { name: "b", isSeen: true, scores: [] });
      samples.update(sql, { note: null, scores: [1] }, "WHERE name = ?", "a");
      expect([...samples.select(sql, "ORDER BY id")].map(({ note, scores }) => [note, scores])).toEqual([
        [null, [1]],
        [null, []],
      ]);
      samples.delete(sql, "WHERE name = ?", "a");
      expect(samples.first(sql, "WHERE name = ?", "a")).toBeNull();
      expect([...samples.select(sql, "")]).toHaveLength(1);
    });
  });
});
