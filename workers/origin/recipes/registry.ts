import { ProblemError, type UpriverClient } from "#client/index.ts";
import { type TrainableDocument, trainableRecipeSchema } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import type { BlobCache } from "../blob-cache.ts";
import { pathInside } from "../inside.ts";
import { locateDocument, recipeOfDocument, trainable } from "./open.ts";
import type { Recipe } from "./recipe.ts";
import { isComplete } from "./resolve.ts";
import { type StoredRecipe, storedRecipe } from "./stored.ts";

/** What a process needs to train a recipe. */
export interface RecipeOrder {
  document: TrainableDocument;
  /** What the document's paths are relative to. */
  folder: string;
  /** The recipe as the registry has it, and the paths of its rows; null for a recipe of this machine. */
  stored: { recipe: StoredRecipe; parts: string[] } | null;
}

/** A recipe, as the registry has it or from this machine. */
interface Located extends Omit<RecipeOrder, "stored"> {
  recipe: StoredRecipe | null;
}

/** The recipes that an origin can train: those of the registry, and those in a folder of its machine. */
export class TrainableRecipes {
  private readonly client: UpriverClient;
  private readonly blobs: BlobCache;
  private readonly folder: string;

  constructor(client: UpriverClient, blobs: BlobCache, folder: string) {
    this.client = client;
    this.blobs = blobs;
    this.folder = folder;
  }

  /**
   * Finds a model's recipe: that of its latest version, else one of this machine. `isFirst` takes that of this machine
   * first. Throws not-found when there is neither.
   */
  async find(model: string, isFirst = false): Promise<RecipeOrder> {
    const { document, folder, recipe } = await this.locate(model, isFirst);
    if (!recipe) return { document, folder, stored: null };
    const parts: string[] = [];
    for (const blob of recipe.source) parts.push(await this.blobs.file(blob));
    return { document, folder, stored: { recipe, parts } };
  }

  /** Finds the document of a model's recipe as `find` does, without its rows. */
  async document(model: string, isFirst = false): Promise<TrainableDocument> {
    return (await this.locate(model, isFirst)).document;
  }

  private async locate(model: string, isFirst: boolean): Promise<Located> {
    const here = isFirst ? await this.onThisMachine(model) : null;
    const found = here ?? (await this.inRegistry(model)) ?? (await this.onThisMachine(model));
    if (found) return found;
    throw new FaultError({
      kind: "not-found",
      what: `recipe of '${model}'`,
      next: "Publish a version with its recipe: npx upriver train <recipe> --publish. Then any origin can train it.",
    });
  }

  private async inRegistry(model: string): Promise<Located | null> {
    const latest = await this.client.versions(model).catch(unlessNotFound);
    const version = latest?.versions[0]?.version;
    const manifest = version === undefined ? null : await this.client.manifest(model, version);
    if (!manifest || manifest.task === "tensor" || !manifest.recipe) return null;
    const { recipe } = manifest;
    const text = new TextDecoder().decode(await this.blobs.read(recipe.document));
    return { document: trainableRecipeSchema.parse(JSON.parse(text)), folder: this.folder, recipe };
  }

  private async onThisMachine(model: string): Promise<Located | null> {
    try {
      const found = await locateDocument(model, this.folder);
      return found && { document: trainable(found.document), folder: found.folder, recipe: null };
    } catch (cause) {
      const received = cause instanceof Error ? cause.message : String(cause);
      const next = `Correct ${model}.recipe.json in ${this.folder}, then order the training again.`;
      throw new FaultError({ kind: "conflict", expected: "a valid recipe to train", received, next }, { cause });
    }
  }
}

/** Makes the recipe of an order. */
export async function orderedRecipe({ document, folder, stored }: RecipeOrder): Promise<Recipe> {
  if (stored && isComplete(document) && stored.parts.length > 0) return storedRecipe(document, stored.parts);
  if (stored && typeof document.source === "object" && "module" in document.source) {
    throw new Error(`The recipe of '${document.name}' in the registry names a module, which an origin does not run.`);
  }
  if (stored) await refuseOutside(document, folder);
  return recipeOfDocument(document, folder);
}

// A recipe of the registry was written elsewhere: it names no file outside this origin's folder, nor a variable of it.
async function refuseOutside({ name, source }: TrainableDocument, folder: string): Promise<void> {
  const path = typeof source === "string" ? source : "path" in source ? source.path : undefined;
  if (path === undefined || /^https?:\/\//i.test(path)) return;
  const where = `The recipe of '${name}' in the registry`;
  if (!path.startsWith("$")) return void (await pathInside(folder, path, where));
  throw new Error(`${where} names '${path}', a variable of another machine. Train it here with --data FILE.`);
}

function unlessNotFound(error: unknown): null {
  if (error instanceof ProblemError && error.problem.status === 404) return null;
  throw error;
}
