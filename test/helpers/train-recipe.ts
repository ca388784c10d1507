// Trains a recipe in a process of its own: node train-recipe.ts <folder> <recipe> [<before>]
import { exampleRecipe } from "#origin/recipes/index.ts";
import { train } from "#origin/train/index.ts";
import { saveArtefact } from "#origin/train/store.ts";

const [folder = "", recipe = "", before] = process.argv.slice(2);
await saveArtefact(folder, await train(exampleRecipe(recipe), { before, backend: "wasm" }));
