import { expect, it } from "vitest";
import { compareVersions } from "#origin/learn/compare.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { assignSplits } from "#origin/train/dataset.ts";
import { train } from "#origin/train/index.ts";
import { readFrom } from "#origin/train/score.ts";

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
  const splits = await assignSplits(recipe, await recipe.load({}));
  const sourceOf = ({ draft, blobs }: typeof less) => ({ spec: draft.thin, read: readFrom(blobs) });
  const forward = await compareVersions(recipe, splits, sourceOf(less), sourceOf(more));
  expect(forward).toMatchObject({ promoted: true, questions: splits.validation.length });
  expect(forward.difference).toBeLessThan(0);
  expect(Object.keys(forward.byRegion)).toHaveLength(12);
  const back = await compareVersions(recipe, splits, sourceOf(more), sourceOf(less));
  expect(back).toMatchObject({ promoted: false });
  expect(back.difference).toBeCloseTo(-forward.difference, 9);
  const seen = { validation: splits.validation.map((row, i) => ({ ...row, seenBefore: i % 2 === 0 })) };
  expect((await compareVersions(recipe, seen, sourceOf(less), sourceOf(more))).questions).toBe(
    Math.floor(splits.validation.length / 2),
  );
});
