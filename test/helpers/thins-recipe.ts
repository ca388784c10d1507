import { type TrainableInput, trainableRecipeSchema } from "#core/contract/index.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import type { CompleteDocument } from "#origin/recipes/recipe.ts";
import { resolveRecipe } from "#origin/recipes/resolve.ts";
import { seeded } from "./random.ts";

const rows = 1_500;

/** A recipe whose labels are rings and sectors of two numbers: a network of two units answers few of them. */
export function thinsRecipe(networks: TrainableInput["networks"], fields: Pick<TrainableInput, "budget"> = {}): Recipe {
  const document = trainableRecipeSchema.parse({
    ...{ name: "rings", source: "rings.csv", label: { column: "label", values: ["in", "out", "far"] } },
    input: { columns: ["x", "y"].map((name) => ({ type: "number" as const, name })), scale: "standard" },
    networks: {
      thin: { layers: [{ type: "dense", units: 2 }] },
      full: { layers: [{ type: "dense", units: 24 }] },
      ...networks,
    },
    training: { epochs: 12, patience: 12, batchSize: 32, learningRate: 0.02, distil: 0.5, weightDecay: 0, dropout: 0 },
    ...fields,
  });
  return resolveRecipe(document as CompleteDocument, async () => {
    const random = seeded(5);
    return Array.from({ length: rows }, () => {
      const [x, y] = [4 * random() - 2, 4 * random() - 2];
      const radius = Math.hypot(x, y);
      const label = radius < 0.9 ? "in" : radius < 1.6 ? "out" : "far";
      return { region: "world", instance: { x, y }, label, at: 0 };
    });
  });
}
