import { type TrainableDocument, trainableRecipeSchema } from "#core/contract/index.ts";
import fashion from "./fashion.recipe.json" with { type: "json" };
import type { FoundDocument, Recipe } from "./recipe.ts";
import { isComplete, resolveRecipe } from "./resolve.ts";
import { rowsOfTable } from "./rows.ts";
import { readSource } from "./source.ts";
import storefront from "./storefront.recipe.json" with { type: "json" };
import temperature from "./temperature.recipe.json" with { type: "json" };
import weather from "./weather.recipe.json" with { type: "json" };

/** The examples that come with Upriver. */
export const builtIns: readonly (FoundDocument & { document: TrainableDocument })[] = [
  storefront,
  weather,
  temperature,
  fashion,
].map((document) => {
  return { document: trainableRecipeSchema.parse(document), folder: import.meta.dirname };
});

/** Returns an example's recipe. Throws when there is none of that name. */
export function exampleRecipe(name: string): Recipe {
  const found = builtIns.find(({ document }) => document.name === name);
  if (!found || !isComplete(found.document))
    throw new Error(
      `There is no example '${name}'. Choose one of: ${builtIns.map(({ document }) => document.name).join(", ")}.`,
    );
  const { document, folder } = found;
  return resolveRecipe(document, async (options) => {
    const data = await readSource(document, folder, options);
    return "rows" in data ? data.rows : rowsOfTable(document, data.table);
  });
}
