import type { Recipe } from "#origin/recipes/index.ts";

/** A small recipe with everything that a training can have: distilled, pruned, in uint8, with regional heads and dropout. */
export function smallStorefront(recipe: Recipe): Recipe {
  return {
    ...recipe,
    load: async (options) => (await recipe.load(options)).filter((_, i) => i % 5 === 0),
    training: { ...recipe.training, epochs: 5, distil: 0.5, distilTemperature: 2, batchSize: 32 },
    thin: { ...recipe.thin, prune: 0.3, weights: "uint8" },
  };
}
