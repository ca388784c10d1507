import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
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

/** The path of the recipe's JSON Schema, from a folder in which an editor opens a recipe. */
export function schemaPath(folder: string): string {
  const path = relative(folder, join(root, "workers/origin/recipes/recipe.schema.json")).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}
