// Trains a small storefront in a separate process, which a test may kill: node train-child.ts [checkpoints folder]
import { exampleRecipe } from "#origin/recipes/index.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import { train } from "#origin/train/index.ts";
import { smallStorefront } from "./small-storefront.ts";

const storefront = exampleRecipe("storefront");

const [folder] = process.argv.slice(2);
const { draft, blobs } = await train(smallStorefront(storefront), {
  checkpoints: folder === undefined ? undefined : new Checkpoints(folder, 0),
  backend: "wasm",
  onProgress: () => process.stdout.write("."),
});
process.stdout.write(`\n${JSON.stringify({ metrics: draft.metrics, blobs: [...blobs.keys()].sort() })}\n`);
