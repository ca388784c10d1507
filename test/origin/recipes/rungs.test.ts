import { describe, expect, it } from "vitest";
import { type ExternalRung, trainableRecipeSchema } from "#core/contract/index.ts";
import type { CompleteDocument } from "#origin/recipes/recipe.ts";
import { resolveRecipe } from "#origin/recipes/resolve.ts";

const jev: ExternalRung = {
  ...{ name: "jev", kind: "system-one", url: "https://api.typesafe.ai", model: "jev-latest", key: "RUNG_KEY_JEV" },
};

function policyOf(rungs: unknown, values = ["billing", "delivery"]) {
  const document = trainableRecipeSchema.parse({
    ...{ name: "tickets", source: "tickets.csv", label: { column: "desk", values }, rungs },
    input: { columns: [{ type: "text", name: "message" }] },
  });
  return resolveRecipe(document as CompleteDocument, async () => []).policy;
}

function budgetOf(
  budget: unknown,
  rungs: unknown = ["edge", "region", { ...jev, price: { usdPerQuestion: 0.01 } }, "human"],
) {
  const document = trainableRecipeSchema.parse({
    ...{ name: "tickets", source: "tickets.csv", label: { column: "desk", values: ["billing", "delivery"] }, rungs },
    ...{ input: { columns: [{ type: "text", name: "message" }] }, budget },
  });
  const { policy, budget: ofNetwork } = resolveRecipe(document as CompleteDocument, async () => []);
  return { ...policy.budget, bytes: ofNetwork.bytes };
}

describe("the budget of a recipe", () => {
  it("becomes the policy's, beside the limits of the network", () => {
    expect(budgetOf({ usdPerMonth: 20, bytes: 1_000 })).toEqual({ usdPerMonth: 20, atLimit: "answer", bytes: 1_000 });
    expect(budgetOf({ usdPerMonth: 20, atLimit: "people" })).toMatchObject({ atLimit: "people" });
    expect(budgetOf(undefined)).toEqual({ bytes: null });
  });

  it("is refused where it limits nothing, pays for nothing, or needs people that the ladder lacks", () => {
    expect(() => budgetOf({ usdPerMonth: -1 })).toThrow("usdPerMonth");
    expect(() => budgetOf({ usdPerMonth: 0 })).toThrow("usdPerMonth");
    expect(() => budgetOf({ usdPerMonth: 5 }, ["edge", "region", jev])).toThrow(
      "no rung of the recipe 'tickets' has a price",
    );
    expect(() => budgetOf({ usdPerMonth: 5 }, ["edge", "region", "origin"])).toThrow("budget.usdPerMonth");
    expect(() => budgetOf({ usdPerMonth: 0.001 })).toThrow("0.001 does not pay for one question to 'jev'");
    expect(() => budgetOf({ atLimit: "people" })).toThrow("needs a limit");
    const alone = ["edge", "region", { ...jev, price: { usdPerQuestion: 0.01 } }];
    expect(() => budgetOf({ usdPerMonth: 5, atLimit: "people" }, alone)).toThrow("has no rung 'human'");
  });
});

describe("the rungs of a recipe", () => {
  it("become the policy's ladder, with external ones in their order", () => {
    const { ladder, above } = policyOf(["edge", "region", jev, "origin", "human"]);
    expect({ ladder, above }).toEqual({ ladder: ["edge", "region", "origin", "human"], above: [jev, "origin"] });
  });

  it("change no policy where none is external", () => {
    expect(policyOf(["edge", "region", "origin"])).not.toHaveProperty("above");
    expect(policyOf(undefined).ladder).toEqual(["edge", "region", "origin", "human"]);
  });

  it("are refused where they describe a label that the recipe does not have, or take fewer labels", () => {
    const described = { ...jev, labels: { billling: "Invoices" } };
    expect(() => policyOf(["edge", "region", described])).toThrow("labels of 'jev' names 'billling'");
    const many = Array.from({ length: 256 }, (_, i) => `label ${i}`);
    expect(() => policyOf(["edge", "region", jev], many)).toThrow("takes 255 labels at most; the recipe has 256");
    expect(policyOf(["edge", "region", { ...jev, kind: "openai-chat" }], many).ladder).toContain("origin");
  });

  it("are refused in a recipe of numbers, which none of their protocols answers", () => {
    const document = trainableRecipeSchema.parse({
      ...{ name: "heat", task: "regress", tolerance: 1, source: "heat.csv", label: { column: "high" } },
      ...{ input: { columns: [{ type: "number", name: "low" }] }, rungs: ["edge", "region", jev] },
    });
    const resolve = () => resolveRecipe(document as CompleteDocument, async () => []);
    expect(resolve).toThrow("'jev' (system-one) answers no numbers");
  });
});
