import { expect, it } from "vitest";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { train } from "#origin/train/index.ts";
import { smallStorefront } from "#test/helpers/small-storefront.ts";

it("ends at its time limit with the best networks so far, and says which were cut short", async () => {
  const storefront = smallStorefront(exampleRecipe("storefront"));
  const patient = { ...storefront, training: { ...storefront.training, epochs: 500, patience: 500 } };
  const thin = { ...storefront.thin, prune: 0, training: {} };
  const until = Date.now() + 12_000;
  const { cutShort, draft } = await train({ ...patient, thin }, { backend: "wasm", until });
  expect(cutShort).toEqual(["full", "thin"]);
  expect(Date.now()).toBeLessThan(until + 5_000);
  expect(draft.metrics.full?.accuracy).toBeGreaterThan(0.5);
});
