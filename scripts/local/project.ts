import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { openRecipe, type Recipe } from "#origin/recipes/index.ts";
import { isInstalled, root } from "./process.ts";

/**
 * The folder of the project: its state, its trained models and its recipes. UPRIVER_FOLDER names it; else it is the
 * repository itself, or where the package is installed, the nearest folder upwards that is a project.
 */
export function projectFolder(): string {
  if (process.env.UPRIVER_FOLDER) return process.env.UPRIVER_FOLDER;
  if (!isInstalled) return root;
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    if (["wrangler.toml", ".upriver"].some((name) => existsSync(join(folder, name)))) return folder;
    if (folder === dirname(folder)) return process.cwd();
  }
}

/** Opens a recipe by name or path, as the command line gives it: in this folder, then in the project's. */
export async function recipeFor(nameOrPath: string, file?: string): Promise<Recipe> {
  const isHere = [nameOrPath, `${nameOrPath}.recipe.json`].some((path) => existsSync(path));
  return openRecipe(nameOrPath, isHere ? process.cwd() : projectFolder(), file === undefined ? {} : { file });
}

/** The path of the recipe's JSON Schema, from a folder in which an editor opens a recipe. */
export function schemaPath(folder: string): string {
  const path = relative(folder, join(root, "workers/origin/recipes/recipe.schema.json")).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}
