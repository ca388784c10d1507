import { existsSync } from "node:fs";
import { type FoundDocument, findDocument, openRecipe, type Recipe } from "#origin/recipes/index.ts";
import { projectFolder } from "./project.ts";

/** Opens a recipe by name or path, as the command line gives it: in this folder, then in the project's. */
export async function recipeFor(nameOrPath: string, file?: string): Promise<Recipe> {
  return openRecipe(nameOrPath, folderFor(nameOrPath), file === undefined ? {} : { file });
}

/** Finds the document of a recipe, as `recipeFor` does. */
export function documentFor(nameOrPath: string): Promise<FoundDocument> {
  return findDocument(nameOrPath, folderFor(nameOrPath));
}

function folderFor(nameOrPath: string): string {
  const isHere = [nameOrPath, `${nameOrPath}.recipe.json`].some((path) => existsSync(path));
  return isHere ? process.cwd() : projectFolder();
}
