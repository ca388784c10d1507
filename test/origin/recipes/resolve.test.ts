import { describe, expect, it } from "vitest";
import { type TrainableInput, trainableRecipeSchema } from "#core/contract/index.ts";
import type { CompleteDocument } from "#origin/recipes/recipe.ts";
import { resolveRecipe } from "#origin/recipes/resolve.ts";

const classes = { label: { column: "label", values: ["no", "yes"] } };
const numbers = { task: "regress" as const, label: { column: "label" }, tolerance: 1 };

function resolve(fields: Pick<TrainableInput, "label"> & Partial<TrainableInput>) {
  const input = { columns: [{ type: "number" as const, name: "x" }] };
  const document = trainableRecipeSchema.parse({ name: "some", source: "some.csv", input, ...fields });
  return resolveRecipe(document as CompleteDocument, async () => []);
}

describe("class weights", () => {
  it.each(["training", "networks.thin.training", "networks.full.training"])(
    "of %s that name a label which does not exist are refused",
    (field) => {
      const plan = { classWeights: { maybe: 2 } };
      const name = field.split(".")[1];
      const fields = name ? { networks: { [name]: { training: plan } } } : { training: plan };
      expect(() => resolve({ ...classes, ...fields })).toThrow(
        `${field}.classWeights names 'maybe', which is none of the labels no, yes. Correct it.`,
      );
    },
  );

  it("are refused where numbers are predicted", () => {
    expect(() => resolve({ ...numbers, networks: { full: { training: { classWeights: "balanced" } } } })).toThrow(
      "Numbers have no classes: remove networks.full.training.classWeights from the recipe 'some'.",
    );
  });
});

describe("fields for numbers", () => {
  it("are refused where labels are predicted", () => {
    expect(() => resolve({ ...classes, tolerance: 1 })).toThrow(
      `'tolerance' is for numbers: add "task": "regress" to the recipe 'some', or remove it.`,
    );
  });
});
