import { expect, it } from "vitest";
import { compareVersions } from "#origin/learn/compare.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { train } from "#origin/train/index.ts";
import { readFrom } from "#origin/train/score.ts";
import { assignSplits } from "#origin/train/splits.ts";

const storefront = exampleRecipe("storefront");

// Only the thin networks are compared: full is as small as it can be.
const recipe: Recipe = {
  ...storefront,
  load: async () => (await storefront.load({})).filter((_, i) => i % 3 === 0),
  full: { ...storefront.full, layers: [{ type: "dense", units: 2 }], training: { epochs: 1 } },
  training: { ...storefront.training, epochs: 6, batchSize: 64 },
};

it("promotes a version that knows more, refuses one that knows less, and reports every region", async () => {
  const less = await train(recipe, { before: "2024-02-15", backend: "wasm" });
  const more = await train(recipe, { backend: "wasm" });
  const { validation: rows, groups } = assignSplits(recipe, await recipe.load({}));
  const held = { rows, groups: groups.validation };
  const sourceOf = ({ draft, blobs }: typeof less) => ({ spec: draft.thin, read: readFrom(blobs) });
  const forward = await compareVersions(recipe, held, sourceOf(less), sourceOf(more));
  expect(forward).toMatchObject({ promoted: true, questions: rows.length });
  expect(forward.difference).toBeLessThan(0);
  expect(Object.keys(forward.byRegion)).toHaveLength(12);
  const back = await compareVersions(recipe, held, sourceOf(more), sourceOf(less));
  expect(back).toMatchObject({ promoted: false });
  expect(back.difference).toBeCloseTo(-forward.difference, 9);
});
