// Writes the JSON Schema of recipes, which editors complete them by. Run it: node scripts/build-recipe-schema.ts
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { recipeSchema } from "#core/contract/index.ts";
import { root } from "./local/process.ts";

/** The JSON Schema of a recipe, as text. */
export function recipeSchemaText(): string {
  const schema = z.toJSONSchema(recipeSchema, { io: "input", unrepresentable: "any" });
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) await writeFile(join(root, "workers/origin/recipes/recipe.schema.json"), recipeSchemaText());
