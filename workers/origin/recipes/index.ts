import { fashion } from "./fashion.ts";
import type { Recipe } from "./recipe.ts";
import { storefront } from "./storefront.ts";
import { weather } from "./weather.ts";

export type {
  Augmentation,
  Budget,
  ColumnPlan,
  InputPlan,
  LayerPlan,
  NetworkPlan,
  Recipe,
  RegionalHeadsPlan,
  Row,
  TrainingPlan,
  WeightType,
} from "./recipe.ts";
export { weightTypes } from "./recipe.ts";

/** All recipes. */
export const recipes: readonly Recipe[] = [storefront, weather, fashion];

/** Finds a recipe by name. Throws, listing the names, when there is none. */
export function recipeOf(name: string): Recipe {
  const recipe = recipes.find((known) => known.name === name);
  if (recipe) return recipe;
  throw new Error(`There is no recipe '${name}'. Choose one of: ${recipes.map((known) => known.name).join(", ")}.`);
}
