import { describe, expect, it } from "vitest";
import { trainableRecipeSchema } from "#core/contract/index.ts";
import { taskOf } from "#core/task/index.ts";
import { learnHead, type RegionalSetting } from "#origin/compare/heads.ts";
import { compareModels } from "#origin/compare/index.ts";
import type { CompleteDocument } from "#origin/recipes/recipe.ts";
import { resolveRecipe } from "#origin/recipes/resolve.ts";
import { trainOn } from "#origin/train/index.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

describe("a comparison", () => {
  it("judges every rung and a logistic regression on the same rows, and says what follows", async () => {
    const random = seeded(21);
    const drawn = Array.from({ length: 1_400 }, (_, i) => {
      const [x, y] = uniform(random, 2, -2, 2) as unknown as [number, number];
      // Each region has its own sign, which the global network is not told.
      const region = i % 2 === 0 ? "north" : "south";
      const label = (region === "north" ? x : -x) + 0.3 * y > 0 ? "yes" : "no";
      return { region, label, at: 0, instance: { x, y } };
    });
    const document = trainableRecipeSchema.parse({
      ...{ name: "signs", source: "unused.csv", label: { column: "label", values: ["no", "yes"] } },
      input: { columns: ["x", "y"].map((name) => ({ type: "number", name })), scale: "standard" },
      region: { from: "field", name: "region", keys: ["north", "south"] },
      networks: { thin: { layers: [{ type: "dense", units: 8 }], region: false }, full: { kind: "network" } },
      training: { epochs: 8, batchSize: 32, learningRate: 0.01, distil: 0 },
    });
    const recipe = resolveRecipe(document as CompleteDocument, async () => drawn);
    const splits = assignSplits(recipe, drawn);
    const comparison = await compareModels(recipe, await trainOn(recipe, splits, { backend: "wasm" }), splits);
    const names = comparison.models.map(({ name }) => name);
    expect(names.slice(0, 5)).toEqual(["thin", "thin with heads", "full", "ladder", "logistic"]);
    expect(comparison).toMatchObject({ rows: splits.calibration.length, copies: 0 });
    const lossOf = (name: string) => comparison.models.find((one) => one.name === name)?.loss ?? 9;
    expect(lossOf("thin with heads")).toBeLessThan(lossOf("thin") - 0.2);
    expect(lossOf("full")).toBeLessThan(lossOf("logistic") - 0.2);
    expect(comparison.findings[0]).toMatch(/simpler model/);
  });

  it("judges numbers by their absolute error, beside a ridge regression", async () => {
    const random = seeded(31);
    const drawn = Array.from({ length: 1_200 }, (_, i) => {
      const [x, y] = uniform(random, 2, -2, 2) as unknown as [number, number];
      const truth = x ** 2 + 0.5 * y + 0.1 * (random() - 0.5);
      return { region: i % 2 === 0 ? "north" : "south", label: truth.toFixed(3), at: 0, instance: { x, y } };
    });
    const document = trainableRecipeSchema.parse({
      ...{ name: "squares", source: "unused.csv", task: "regress", label: { column: "label" }, tolerance: 0.5 },
      input: { columns: ["x", "y"].map((name) => ({ type: "number", name })), scale: "standard" },
      region: { from: "field", name: "region", keys: ["north", "south"] },
      networks: { full: { kind: "network" } },
      training: { epochs: 12, batchSize: 32, learningRate: 0.01, distil: 0 },
    });
    const recipe = resolveRecipe(document as CompleteDocument, async () => drawn);
    const splits = assignSplits(recipe, drawn);
    const comparison = await compareModels(recipe, await trainOn(recipe, splits, { backend: "wasm" }), splits);
    expect(comparison.loss).toBe("MAE");
    const of = (name: string) => comparison.models.find((one) => one.name === name);
    expect(of("thin")?.loss).toBeLessThan((of("ridge by region")?.loss ?? 0) / 2);
    expect(of("thin")?.figures["within 0.5"]).toBeGreaterThan(0.8);
    expect(comparison.findings[0]).toMatch(/simpler model/);
  });
});

describe("a region's head", () => {
  const setting: RegionalSetting = {
    start: new Float32Array(6),
    classes: 2,
    step: 1e-4,
    targetRisk: 0.05,
    minLabels: 30,
    task: taskOf({ labels: ["no", "yes"] }),
    reading: undefined,
  };
  const rowsOf = (n: number, rule: (row: Float32Array) => boolean) => {
    const random = seeded(8);
    const embeddings = Array.from({ length: n }, () => uniform(random, 2, -2, 2));
    return { embeddings, labels: embeddings.map((row) => Number(rule(row))), groups: embeddings.map((_, i) => `${i}`) };
  };

  it("learns what holds in the region", () => {
    const head = learnHead(
      rowsOf(300, (row) => (row[0] as number) > 0),
      setting,
    );
    expect((head[1] as number) - (head[0] as number)).toBeGreaterThan(1);
  });

  it("stays the global one with few labels, or with nothing to learn", () => {
    expect(
      learnHead(
        rowsOf(20, () => true),
        setting,
      ),
    ).toBe(setting.start);
    const random = seeded(3);
    expect(
      learnHead(
        rowsOf(200, () => random() < 0.5),
        setting,
      ),
    ).toBe(setting.start);
  });
});
