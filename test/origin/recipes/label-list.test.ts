import { describe, expect, it } from "vitest";
import { recipeOfDocument } from "#origin/recipes/index.ts";
import { parseLabelList, recipeOfLabels } from "#origin/recipes/label-list.ts";

const parse = (value: unknown) =>
  parseLabelList("labels.json", typeof value === "string" ? value : JSON.stringify(value));

describe("a list of labels", () => {
  it("is read with descriptions or without, in order", () => {
    expect(parse('{"refund": "The customer wants money back", "other": null, "10": "Ten"}')).toEqual([
      { name: "refund", description: "The customer wants money back" },
      { name: "other", description: null },
      { name: "10", description: "Ten" },
    ]);
    expect(parse(["refund", "other"]).map(({ name }) => name)).toEqual(["refund", "other"]);
    expect(parse('{"a: \\"b\\"": "x: y", "c": ""}').map(({ name }) => name)).toEqual(['a: "b"', "c"]);
  });

  const faults: [string, unknown, string][] = [
    ["nothing", "", "is not valid JSON"],
    ["no JSON", "{refund}", "is not valid JSON"],
    ["a number", 3, "expected labels, received 3"],
    ["null", null, "expected labels, received null"],
    ["no labels", {}, "there are no labels; two or more are needed"],
    ["one label", ["refund"], "there is one label; two or more are needed"],
    ["a label twice", ["refund", "other", "refund"], "'refund' and 'refund' are the same label. Remove one."],
    ["a key twice", '{"refund": "a", "refund": "b"}', "'refund' and 'refund' are the same label"],
    ["two spellings", ["Refund", "refund"], "'Refund' and 'refund' are the same label"],
    ["a name that is no text", ["refund", 3], "expected names of labels, received 3"],
    ["a description that is no text", { refund: 3, other: "x" }, "the description of 'refund' must be a text or null"],
    [
      "a nested description",
      { refund: { text: "x" }, other: "x" },
      "the description of 'refund' must be a text or null",
    ],
    ["an empty name", ["", "other"], "must have 1 to 256 characters"],
    ["spaces around a name", [" refund", "other"], "without spaces around them"],
    ["a long description", { refund: "x".repeat(2_001), other: "x" }, "has 2001 characters; 2000 at most"],
  ];
  it.each(faults)("is refused with %s", (_, value, message) => {
    expect(() => parse(value)).toThrow(message);
  });
});

describe("the recipe of labels alone", () => {
  it("asks a decision model first, audits 3% and learns from its answers", async () => {
    const document = recipeOfLabels("tickets", parse({ refund: "Money back", other: null }));
    const recipe = await recipeOfDocument(document, "/nowhere");
    expect(await recipe.load({})).toEqual([]);
    expect(recipe.labels).toEqual(["refund", "other"]);
    expect(recipe.policy).toMatchObject({
      ladder: ["edge", "region", "origin", "human"],
      above: [{ name: "decisions", kind: "system-one", minLabels: 0, labels: { refund: "Money back" } }],
      ...{ auditShare: 0.03, originLabelWeight: 0.25, originEverySeconds: 3_600, opinions: { pending: 0, valid: 0 } },
    });
  });

  it("is refused with more labels than a decision model takes", () => {
    const labels = parse(Array.from({ length: 256 }, (_, i) => `label ${i}`));
    expect(() => recipeOfLabels("tickets", labels)).toThrow("256 labels; a decision model takes 255 at most");
  });

  it("is refused where something would have to be inferred from rows", async () => {
    const document = recipeOfLabels("tickets", parse(["refund", "other"]));
    const faulty = { ...document, task: "regress" as const, label: "label", input: undefined };
    await expect(recipeOfDocument(faulty, "/nowhere")).rejects.toThrow(
      /task: numbers need rows[\s\S]*label\.values[\s\S]*input/,
    );
    const numbers = {
      ...document,
      input: {
        kind: "features" as const,
        columns: [{ type: "number" as const, name: "x" }],
        missing: "refuse" as const,
      },
    };
    await expect(recipeOfDocument(numbers, "/nowhere")).rejects.toThrow("input: choose a text");
  });
});
