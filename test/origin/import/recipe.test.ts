import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importFrom } from "#origin/import/recipe.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-recipe-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("publishing an import recipe", () => {
  it("names the command that writes a recipe when there is none", async () => {
    await expect(importFrom(join(folder, "none.recipe.json"))).rejects.toThrow(
      /^There is no recipe at .*none\.recipe\.json\. 'npx upriver import <model\.json>' writes one\.$/,
    );
  });

  it.each([
    ["broken JSON", "{", "is not valid JSON"],
    [
      "unknown, missing and invalid fields",
      '{"model":"a","task":"tensor","file":1,"x":2}',
      "file, inputs, outputs, batch",
    ],
  ])("refuses %s", async (name, text, message) => {
    const path = join(folder, `${name}.recipe.json`);
    await writeFile(path, text);
    await expect(importFrom(path)).rejects.toThrow(message);
  });
});
