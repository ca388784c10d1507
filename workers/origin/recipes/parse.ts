import {
  baseRecipeSchema,
  type RecipeDocument,
  recipeSchema,
  tensorRecipeSchema,
  trainableRecipeSchema,
} from "#core/contract/index.ts";
import { invalidFieldsOf, sentenceOf } from "#core/http/issues.ts";

/** Parses a recipe. Throws an error that names every field to correct. */
export function parseRecipe(path: string, text: string): RecipeDocument {
  const document = migrated(parseJson(path, text));
  const read = recipeSchema.safeParse(document);
  if (read.success) return read.data;
  // Of the union's three forms, the one that the document means says best what is wrong.
  const sentences = invalidFieldsOf(schemaOf(document), document).map(sentenceOf);
  throw new Error([`${path} is not a valid recipe:`, ...sentences.map((one) => `  ${one}`)].join("\n"));
}

// Before recipes had one form, 'upriver import' wrote a name as `model` and a source as `file`.
function migrated(document: unknown): unknown {
  const { task, model, file, ...rest } = (document ?? {}) as Record<string, unknown>;
  if (task !== "tensor" || model === undefined || file === undefined) return document;
  return { name: model, task, source: file, ...rest };
}

function schemaOf(document: unknown) {
  const { task, source } = (document ?? {}) as { task?: unknown; source?: unknown };
  if (task === "tensor") return tensorRecipeSchema;
  return typeof source === "object" && source !== null && "base" in source ? baseRecipeSchema : trainableRecipeSchema;
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${path} is not valid JSON: ${reason}. Correct it.`, { cause });
  }
}
