import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";

const tests = join(import.meta.dirname, "..");

it("each promise in test/README.md names a test that exists", async () => {
  const text = await readFile(join(tests, "README.md"), "utf8");
  const rows = [...text.matchAll(/^\| ([^|]+) \| `([^`|]+)` \| ([^|]+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(60);
  const missing: string[] = [];
  for (const [, promise, file = "", name = ""] of rows) {
    const source = await readFile(join(tests, file), "utf8").catch(() => "");
    // As a title: in quotes.
    const title = new RegExp(`["'\`]${name.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}["'\`]`);
    if (!title.test(source)) missing.push(`${promise}: ${file} has no test '${name}'`);
  }
  expect(missing).toEqual([]);
});
