import { describe, expect, it } from "vitest";
import { parseRecipe } from "#origin/recipes/parse.ts";

const parse = (document: object) => parseRecipe("a.recipe.json", JSON.stringify(document));
const tensor = { inputs: [], outputs: [], batch: true, embedding: null };

describe("the recipe of an imported model", () => {
  it("names unknown, missing and invalid fields", () => {
    const wrong = { name: "a", task: "tensor", source: 1, x: 2 };
    expect(() => parse(wrong)).toThrow(/source must be a string[\s\S]*inputs is required[\s\S]*x is not a known field/);
  });

  it("is read as the release before wrote it", () => {
    const spec = { name: "x", tensor: "x", shape: [2], dtype: "float32" };
    const rest = { ...tensor, inputs: [spec], outputs: [spec] };
    const before = { model: "face", task: "tensor", file: "face/model.json", ...rest };
    expect(parse(before)).toEqual({ name: "face", task: "tensor", source: "face/model.json", ...rest });
  });
});
