import { join, relative } from "node:path";
import { openRecipe, type Recipe } from "#origin/recipes/index.ts";
import { root } from "./process.ts";

/** Opens a recipe by name or path, as the command line gives it. */
export async function recipeFor(nameOrPath: string, file?: string): Promise<Recipe> {
  return openRecipe(nameOrPath, process.cwd(), file === undefined ? {} : { file });
}

/** The path of the recipe's JSON Schema, from a folder in which an editor opens a recipe. */
export function schemaPath(folder: string): string {
  const path = relative(folder, join(root, "workers/origin/recipes/recipe.schema.json")).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}
