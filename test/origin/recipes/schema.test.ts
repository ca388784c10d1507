import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Validator } from "@cfworker/json-schema";
import { describe, expect, it } from "vitest";
import { recipeSchema } from "#core/contract/index.ts";
import { parseRecipe } from "#origin/recipes/parse.ts";
import { recipeSchemaText } from "#scripts/build-recipe-schema.ts";

const folder = join(import.meta.dirname, "../../../workers/origin/recipes");
const read = (name: string) => readFile(join(folder, name), "utf8");

describe("the JSON Schema of recipes", () => {
  it("is the one that recipes are checked by: node scripts/build-recipe-schema.ts writes it", async () => {
    expect(JSON.parse(await read("recipe.schema.json"))).toEqual(JSON.parse(recipeSchemaText()));
  });

  it("accepts the examples, and the shortest recipe", async () => {
    const validator = new Validator(JSON.parse(recipeSchemaText()), "2020-12");
    const least = { name: "heart", source: "heart.csv", label: "disease" };
    expect(validator.validate(least).valid).toBe(true);
    expect(recipeSchema.safeParse(least).success).toBe(true);
    for (const name of ["storefront", "weather", "fashion"]) {
      const text = await read(`${name}.recipe.json`);
      expect(validator.validate(JSON.parse(text)).errors).toEqual([]);
    }
    expect(validator.validate({ ...least, lable: "x" }).valid).toBe(false);
  });
});

describe("a recipe file", () => {
  const parse = (text: string) => () => parseRecipe("shop.recipe.json", text);

  it("names each field to correct", () => {
    expect(parse("{")).toThrow(/shop\.recipe\.json is not valid JSON/);
    expect(parse('{"name":"Shop","source":"a.csv"}')).toThrow(
      /name must be lower-case letters[\s\S]*label is required/,
    );
    expect(parse('{"name":"shop","source":"a.csv","label":"x","epochs":3}')).toThrow(/epochs is not a known field/);
  });
});
