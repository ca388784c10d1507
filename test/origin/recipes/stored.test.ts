import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TrainableDocument, trainableRecipeSchema } from "#core/contract/index.ts";
import { exampleRecipe, type Row, recipeOfDocument } from "#origin/recipes/index.ts";
import { planRecipe } from "#origin/recipes/plan.ts";
import type { CompleteDocument } from "#origin/recipes/recipe.ts";
import { isComplete } from "#origin/recipes/resolve.ts";
import { packRecipe, storedRecipe } from "#origin/recipes/stored.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-stored-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const plain = (rows: readonly Row[]) =>
  rows.map(({ region, label, at, instance }) => ({ region, label, at, instance }));

/** Stores a recipe, and makes one of what was stored, as another origin does. */
async function restored(recipe: Awaited<ReturnType<typeof recipeOfDocument>>) {
  const { recipe: stored, blobs } = await packRecipe(recipe);
  const parts: string[] = [];
  for (const { sha256 } of stored.source) {
    const path = join(folder, sha256);
    await writeFile(path, blobs.get(sha256) as Uint8Array);
    parts.push(path);
  }
  const text = new TextDecoder().decode(blobs.get(stored.document.sha256));
  const document = trainableRecipeSchema.parse(JSON.parse(text));
  if (!isComplete(document)) throw new Error("what is stored is not complete");
  return { stored, parts, recipe: await storedRecipe(document as CompleteDocument, parts), blobs };
}

describe("a stored recipe", () => {
  it("has the same rows and everything that was inferred", async () => {
    const csv = Array.from({ length: 60 }, (_, i) =>
      [
        i % 3 ? `"St. ${i % 4}"` : "17",
        i % 5 ? i / 7 : "",
        ["true", "false", "NA"][i % 3],
        `w ${i % 6} x`,
        i % 2 ? "Yes " : "no",
      ].join(","),
    );
    await writeFile(join(folder, "a.csv"), `site,size,open,words,label\n${csv.join("\n")}\n`);
    const options = { name: "a", source: join(folder, "a.csv"), label: "label", region: "site", folder, repair: true };
    const { document } = await planRecipe(options);
    const recipe = await recipeOfDocument(document as unknown as TrainableDocument, folder);
    const again = await restored(recipe);
    expect(plain(await again.recipe.load({}))).toEqual(plain(await recipe.load({})));
    const { document: _, load: __, ...facts } = again.recipe;
    expect(facts).toEqual((({ document: _d, load: _l, ...rest }) => rest)(recipe));
    // Another reader agrees.
    const database = await (await DuckDBInstance.create()).connect();
    const found = await database.runAndReadAll(
      `SELECT count(*)::INTEGER, sum(size) FROM read_parquet('${again.parts[0]}')`,
    );
    const sizes = (await recipe.load({})).map(({ instance }) => (instance as { size: number | null }).size ?? 0);
    expect(found.getRows()).toEqual([
      [
        60,
        expect.closeTo(
          sizes.reduce((sum, size) => sum + size, 0),
          9,
        ),
      ],
    ]);
  });

  it("keeps regions that open, and knows those of its rows", async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `s${i % 4},${(i * 7) % 40},${i % 2 ? "a" : "b"}`);
    await writeFile(join(folder, "open.csv"), `site,x,label\n${rows.join("\n")}\n`);
    const options = { name: "open", source: join(folder, "open.csv"), label: "label", region: "site", anyRegion: true };
    const { document } = await planRecipe({ ...options, folder });
    const recipe = await recipeOfDocument(document as unknown as TrainableDocument, folder);
    const again = await restored(recipe);
    expect(again.recipe.policy.regions).toEqual({
      ...{ from: "field", name: "site", parent: "world", keys: ["s0", "s1", "s2", "s3"], open: { perTokenPerDay: 20 } },
    });
    expect(again.recipe.policy).toEqual(recipe.policy);
  });

  it("of an own loader needs no loader any more", async () => {
    const storefront = exampleRecipe("storefront");
    const few = { ...storefront, load: async () => (await storefront.load({})).slice(0, 500) };
    const again = await restored(few);
    expect(plain(await again.recipe.load({}))).toEqual(plain(await few.load()));
    expect(again.recipe.document.source).toEqual({ parquet: again.stored.source });
  });

  it("names the same content by the same hashes", async () => {
    const storefront = exampleRecipe("storefront");
    const few = { ...storefront, load: async () => (await storefront.load({})).slice(0, 200) };
    expect((await restored(few)).stored).toEqual((await restored(few)).stored);
  });

  it("leaves the rows of a source that stays where it is", async () => {
    const document = trainableRecipeSchema.parse({
      ...exampleRecipe("storefront").document,
      source: { path: "a.csv", store: false },
    });
    const { recipe, blobs } = await packRecipe({ ...exampleRecipe("storefront"), document });
    expect([recipe.source, blobs.size]).toEqual([[], 1]);
  });
});
