import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TrainableInput, trainableRecipeSchema } from "#core/contract/index.ts";
import { type Recipe, recipeOfDocument } from "#origin/recipes/index.ts";
import { seeded } from "./random.ts";

/** How much higher the numbers of a region are. */
const shifts = { north: 4, south: -4 };

/** CSV rows of the days of two places, each with a number that two columns, the place and some noise explain. */
export function numberCsv(days: number, seed = 5): string {
  const random = seeded(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const lines = Array.from({ length: days }, (_, day) =>
    Object.entries(shifts).map(([place, shift]) => {
      const [a, b] = [2 * random() - 1, 2 * random() - 1];
      const y = 20 + shift + 8 * a + 3 * b * b + (1 + a) * normal();
      const date = new Date(Date.UTC(2020, 0, 1 + day)).toISOString().slice(0, 10);
      return [date, place, a.toFixed(4), b.toFixed(4), day % 50 === 49 ? "" : y.toFixed(1)].join(",");
    }),
  );
  return ["day,place,a,b,heat", ...lines.flat()].join("\n");
}

/** A recipe of numbers on such rows, in a folder of its own. */
export async function numberRecipe(days: number, changes: Partial<TrainableInput> = {}): Promise<Recipe> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-numbers-"));
  await writeFile(join(folder, "heat.csv"), numberCsv(days));
  const document = trainableRecipeSchema.parse({
    ...{ name: "heat", task: "regress", source: "heat.csv", label: "heat", region: "place", time: "day" },
    ...{ tolerance: 3, unit: "°C", risk: { target: 0.1 } },
    // What is fixed here is not chosen, which takes several trainings.
    training: { epochs: 8, patience: 8, batchSize: 32, learningRate: 0.01, distil: 0.5 },
    networks: {
      full: { layers: [{ type: "dense", units: 24 }] },
      thin: { region: false, layers: [{ type: "dense", units: 12 }] },
    },
    ...changes,
  });
  return recipeOfDocument(document, folder);
}
