import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainableRecipeSchema } from "#core/contract/index.ts";
import { encode, inputParts } from "#core/input/index.ts";
import { startTraining } from "#origin/backend/index.ts";
import { recipeOfDocument } from "#origin/recipes/index.ts";
import { planRecipe } from "#origin/recipes/plan.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import { planInput } from "#origin/train/columns.ts";
import { type Dataset, encodeRows } from "#origin/train/dataset.ts";
import { type FitOptions, fitNetwork } from "#origin/train/fit.ts";
import { baseRows } from "#origin/train/rows.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { seeded } from "#test/helpers/random.ts";

const words = ["card", "lost", "payment", "where", "is", "my", "transfer", "top", "up", "卡", "丢了"];
let folder: string;

beforeAll(async () => {
  await startTraining("wasm");
  folder = await mkdtemp(join(tmpdir(), "upriver-text-"));
  const random = seeded(5);
  const rows = Array.from({ length: 400 }, (_, row) => {
    const text = Array.from({ length: 5 }, () => words[Math.floor(random() * words.length)]).join(" ");
    return { text: `${text} ${row}`, amount: (100 * random()).toFixed(1), label: text.includes("lost") ? "yes" : "no" };
  });
  const file = (name: string, columns: ("text" | "amount" | "label")[]) =>
    writeFile(
      join(folder, name),
      [columns, ...rows.map((row) => columns.map((one) => row[one]))].map((cells) => cells.join(",")).join("\n"),
    );
  await file("text.csv", ["text", "label"]);
  await file("mixed.csv", ["text", "amount", "label"]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function recipeFor(source: string) {
  const plan = await planRecipe({ name: "tickets", source: join(folder, source), label: "label", folder });
  return { document: plan.document, recipe: await recipeOfDocument(plan.document, folder) };
}

describe("a table with one column of text", () => {
  it("becomes a text input, with bags as networks", async () => {
    const { document, recipe } = await recipeFor("text.csv");
    expect(document.input).toEqual({ kind: "text", name: "text", buckets: 16_384 });
    expect(recipe.thin).toMatchObject({ layers: [{ type: "bag", units: 56 }], weights: "uint8" });
    expect(recipe.full).toMatchObject({ layers: [{ type: "bag", units: 128 }], rivals: [] });
    const rows = await baseRows(recipe, {});
    const input = planInput(recipe.thin.input, rows);
    const [part] = inputParts(input);
    expect(part).toEqual({ shape: [2, 128], buckets: 16_384 });
    expect(input).toMatchObject({ kind: "features", columns: [{ type: "text", required: true }] });
    expect(encode(input, { text: "my card" }, { region: "world" }).ok).toBe(true);
    expect(encode(input, {}, { region: "world" })).toMatchObject({ ok: false, error: [{ path: "text" }] });
    const { train, validation, calibration } = assignSplits(recipe, rows);
    expect(train.length).toBeGreaterThan(5 * validation.length);
    expect(calibration.length).toBeGreaterThan(validation.length);
  });

  it("is trained to the same bits when it is interrupted", async () => {
    const { recipe } = await recipeFor("text.csv");
    const rows = await baseRows(recipe, {});
    const input = planInput(recipe.thin.input, rows);
    const [data, validation] = [rows.slice(0, 320), rows.slice(320)].map((part) => encodeRows(recipe, input, part)) as [
      Dataset,
      Dataset,
    ];
    const set = { data, classes: 2, teacher: null, classWeights: null };
    const plan = { ...recipe.training, epochs: 2 };
    const train = async (options: Partial<FitOptions>) => {
      const fitted = await fitNetwork(set, validation, { form: recipe.thin, plan, ...options });
      const { head } = await fitted.network.cut();
      const table = fitted.network.bags?.[0]?.values.slice() as Float32Array;
      fitted.network.dispose();
      return { table, head, loss: fitted.validationLoss };
    };
    const whole = await train({});
    const checkpoints = new Checkpoints(join(folder, "checkpoints"), 0);
    const halted = new Error("halted");
    let reports = 0;
    // In the middle of the second epoch.
    const onProgress = () => {
      if (++reports === 3) throw halted;
    };
    await expect(train({ checkpoints, onProgress })).rejects.toThrow(halted);
    expect(await train({ checkpoints })).toEqual(whole);
  });
});

describe("text among other columns", () => {
  it("is encoded as n-grams, and mixed with them by hidden layers", async () => {
    const { document, recipe } = await recipeFor("mixed.csv");
    expect(document.input).toMatchObject({
      kind: "features",
      columns: [{ type: "text", name: "text", encoding: "ngrams" }, { type: "number" }],
    });
    expect(recipe.thin.layers.map(({ type }) => type)).toEqual(["bag", "dense"]);
    const input = planInput(recipe.thin.input, await baseRows(recipe, {}), "standard");
    expect(inputParts(input).map(({ buckets }) => buckets)).toEqual([null, 16_384]);
  });
});

describe("a recipe of an earlier version", () => {
  it("keeps its text as counts of words, and its networks", async () => {
    const document = trainableRecipeSchema.parse({
      ...{ name: "tickets", source: "text.csv", label: "label" },
      input: { columns: [{ type: "text", name: "text", buckets: 512 }] },
    });
    const recipe = await recipeOfDocument(document, folder);
    const rows = await baseRows(recipe, {});
    const input = planInput(recipe.thin.input, rows);
    expect(input).toEqual({
      kind: "features",
      columns: [{ type: "text", name: "text", buckets: 512, required: true }],
    });
    expect(inputParts(input)).toEqual([{ shape: [512], buckets: null }]);
    expect(recipe.thin.layers).toEqual([{ type: "dense", units: 64 }]);
  });
});
