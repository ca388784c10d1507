import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainableRecipeSchema } from "#core/contract/index.ts";
import { recipeOfDocument } from "#origin/recipes/index.ts";
import { type PlanOptions, planRecipe } from "#origin/recipes/plan.ts";
import { baseRows } from "#origin/train/rows.ts";
import { describePlan } from "#scripts/local/describe-plan.ts";
import { formatRecipe } from "#scripts/local/recipe-file.ts";
import { seeded } from "#test/helpers/random.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-plan-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Make = (row: number, random: () => number) => Record<string, string | number>;

/** A file of rows that a function makes; the label is a coin unless it makes one. */
async function planOf(rows: number, make: Make, options: Partial<PlanOptions> = {}) {
  const random = seeded(3);
  const records = Array.from({ length: rows }, (_, row) => ({
    x: random().toFixed(4),
    label: random() < 0.5 ? "yes" : "no",
    ...make(row, random),
  }));
  const source = join(folder, "data.csv");
  const cell = (value: unknown) => `"${String(value).replaceAll('"', '""')}"`;
  const names = Object.keys(records[0] as object);
  const lines = records.map((record) => names.map((name) => cell((record as Record<string, unknown>)[name])).join(","));
  await writeFile(source, [names.join(","), ...lines].join("\n"));
  return planRecipe({ name: "shop", source, label: "label", folder, ...options });
}

const pick = <T>(random: () => number, from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
const columnOf = (plan: Awaited<ReturnType<typeof planOf>>, name: string) =>
  plan.columns.find((column) => column.name === name);

describe("a label of many different numbers", () => {
  it("is predicted as a number, with a tolerance, and leaks are told by variance", async () => {
    const plan = await planOf(400, (row, random) => {
      const heat = 20 + 10 * random();
      return { label: heat.toFixed(2), fahrenheit: (32 + 1.8 * heat).toFixed(2), place: row % 2 ? "a" : "b" };
    });
    expect(plan.document).toMatchObject({
      task: "regress",
      tolerance: 1,
      label: { column: "label" },
      risk: { target: 0.1 },
    });
    expect(plan.document.label).not.toHaveProperty("values");
    expect(plan.numbers?.withinOfMedian).toBeCloseTo(0.2, 1);
    expect(columnOf(plan, "fahrenheit")?.leak).toBeGreaterThan(0.99);
    expect(columnOf(plan, "x")?.leak).toBeNull();
    const text = describePlan(plan, "data.csv");
    expect(text).toMatch(/numbers {3}label: from 20\.\d+ to 29\.\d+, half of them below 2\d/);
    expect(text).toMatch(
      /risk {6}at most 10(\.0)?% of accepted answers more than 1 off; always 2[\d.]+ would be [78]\d(\.\d)?% wrong/,
    );
    const recipe = await recipeOfDocument(plan.document, folder);
    expect([recipe.task, recipe.labels, (await recipe.load({})).length]).toEqual(["regress", [], 400]);
  });

  it("takes a tolerance and a unit, and a task for numbers of few values", async () => {
    const plan = await planOf(200, (row) => ({ label: row % 7 }), { task: "regress", tolerance: 2, unit: "km" });
    expect(plan.document).toMatchObject({ task: "regress", tolerance: 2, unit: "km" });
    expect(describePlan(plan, "data.csv")).toMatch(/more than 2 km off/);
  });

  it("leaves out rows without a number", async () => {
    const make: Make = (row, random) => ({ label: row % 10 === 3 ? "NA" : random().toFixed(5) });
    const plan = await planOf(300, make);
    expect(plan.warnings).toContainEqual(
      expect.stringMatching(/'label' is empty in rows 4, 14, 24 and 27 more: left out/),
    );
    expect(await (await recipeOfDocument(plan.document, folder)).load({})).toHaveLength(270);
  });
});

describe("the type of a column", () => {
  it("is inferred from its values and its name", async () => {
    const plan = await planOf(400, (row, random) => ({
      amount: (random() * 50).toFixed(2),
      price: Math.exp(6 * random() ** 3).toFixed(2),
      colour: pick(random, ["red", "green", "blue"]),
      member: pick(random, ["TRUE", "FALSE"]),
      isNew: pick(random, [0, 1]),
      hour: Math.floor(random() * 24),
      month: 1 + Math.floor(random() * 12),
      seen: `2026-0${1 + (row % 9)}-1${row % 10}`,
      note: `${pick(random, ["a", "the"])} ${pick(random, ["long", "short"])} text about row ${row}`,
      postcode: String(Math.floor(random() * 150)).padStart(5, "0"),
      customer_id: `c-${row}`,
      row_no: row,
      country: "NZ",
      empty: "NA",
    }));
    const types = Object.fromEntries(plan.columns.map(({ name, plan: own, ignored }) => [name, own?.type ?? ignored]));
    expect(types).toEqual({
      ...{ x: "number", amount: "number", price: "number", colour: "category", member: "boolean", isNew: "boolean" },
      ...{ hour: "cycle", month: "cycle", seen: "date", note: "text", postcode: "hashed" },
      customer_id: "it identifies the row: 400 different values",
      row_no: "it counts the rows",
      country: "it is always 'NZ'",
      empty: "it is empty",
    });
  });

  it("counts what is missing, however it is written", async () => {
    const plan = await planOf(100, (row) => ({ a: ["", "NA", "N/A", "null", "?"][row % 10] ?? row * 1.5 }));
    expect(columnOf(plan, "a")).toMatchObject({ missing: 50, plan: { type: "number" }, warnings: [] });
  });
});

describe("a suspected leak", () => {
  it("is a column that alone predicts the label", async () => {
    const plan = await planOf(400, (_, random) => {
      const label = random() < 0.4 ? "yes" : "no";
      const score = (label === "yes" ? 0.6 : 0) + random() * 0.4;
      return {
        label,
        outcome: label === "yes" ? "A" : "B",
        score: score.toFixed(3),
        hint: random() < 0.8 ? label : "no",
      };
    });
    expect(columnOf(plan, "outcome")?.leak).toBe(1);
    expect(columnOf(plan, "score")?.leak).toBeGreaterThan(0.98);
    expect([columnOf(plan, "hint")?.leak, columnOf(plan, "x")?.leak]).toEqual([null, null]);
    expect(describePlan(plan, "data.csv")).toMatch(/leaks\?\s+outcome \(100\.0%\), score/);
  });
});

describe("dirty data", () => {
  it.each<[string, Make, Partial<PlanOptions>, RegExp]>([
    [
      "labels that differ by case or spaces",
      (row) => ({ label: ["yes", "Yes ", "no", "no", "yes"][row % 5] as string }),
      {},
      /'label' spells one label in 2 ways: 'yes' \(rows 1, 5, 6 and 37 more\), 'Yes ' \(rows 2, 7, 12 and 17 more\)\. Write 'yes'[\s\S]*new … --repair/,
    ],
    [
      "a single label",
      () => ({ label: "yes" }),
      {},
      /'label' has a single label, 'yes'\. There is nothing to tell apart/,
    ],
    [
      "rare labels",
      (row) => ({ label: row === 40 ? "maybe" : row % 2 ? "a" : "b" }),
      {},
      /fewer than 5 rows: 'maybe' \(row 41\)/,
    ],
    [
      "a quantity as a label out of a list",
      (_, random) => ({ label: random().toFixed(6) }),
      { task: "classify" },
      /100 different numbers\. Predict them as numbers, with "task": "regress"/,
    ],
    [
      "numbers with texts among them",
      (row, random) => ({ label: row % 40 === 7 ? "12 °C" : random().toFixed(6) }),
      { task: "regress" },
      /'label' has texts that are no numbers: '12 °C' \(rows 8, 48, 88\)\. Write numbers such as 24\.5[\s\S]*new … --repair/,
    ],
    [
      "a single number",
      () => ({ label: "7.5" }),
      { task: "regress" },
      /'label' has a single number, 7\.5\. There is nothing to predict/,
    ],
    [
      "unreadable dates",
      (row) => ({ day: row % 50 === 3 ? "soon" : `2026-01-0${1 + (row % 9)}` }),
      { time: "day" },
      /'day' has 2 dates that cannot be read: rows 4, 54, such as 'soon'\. Write dates as 2026-01-31/,
    ],
    [
      "all rows on one day",
      () => ({ day: "2026-01-05" }),
      { time: "day" },
      /'day': all rows are on one day, 2026-01-05[\s\S]*Leave out --time/,
    ],
    [
      "a region that is too long",
      (row) => ({ store: row ? "a" : "x".repeat(70) }),
      { region: "store" },
      /more than 64 characters \(row 1\)/,
    ],
    [
      "a label that is no column",
      () => ({}),
      { label: "Label" },
      /There is no column 'Label'\. Did you mean 'label'\?/,
    ],
  ])("with %s is refused, naming rows, column and remedy", async (_, make, options, message) => {
    await expect(planOf(100, make, options)).rejects.toThrow(message);
  });

  it("of too few rows is refused", async () => {
    await expect(planOf(12, () => ({}))).rejects.toThrow(/There are 12 rows with a label; at least 20 are needed/);
  });

  it("is repaired in the recipe with --repair, and in nothing else", async () => {
    const plan = await planOf(
      100,
      (row) => ({ label: row === 40 ? "maybe" : (["yes", "Yes ", "no", "NO", "yes"][row % 5] as string) }),
      { repair: true },
    );
    expect(plan.document.label).toEqual({
      column: "label",
      aliases: { "Yes ": "yes", NO: "no" },
      drop: ["maybe"],
      values: ["no", "yes"],
    });
    expect(plan.labels).toEqual([
      ["yes", 59],
      ["no", 40],
    ]);
  });

  it.each<[string, Make, Partial<PlanOptions>, RegExp]>([
    [
      "empty labels",
      (row) => (row % 25 === 2 ? { label: "" } : {}),
      {},
      /'label' is empty in rows 3, 28, 53 and 1 more: left out/,
    ],
    [
      "values of another type",
      (row) => ({ age: row === 7 ? "old" : row }),
      {},
      /'age' has a value that is not a number \(row 8: 'old'\)/,
    ],
    [
      "NaN",
      (row) => (row % 30 === 4 ? { x: "NaN" } : {}),
      {},
      /'x' is NaN in rows 5, 35, 65 and 1 more: counted as missing/,
    ],
    [
      "an outlier that would squash a column",
      (row, random) => ({ weight: row === 12 ? 1e9 : (60 + 20 * random()).toFixed(1) }),
      {},
      /'weight' has outliers \(row 13: 1000000000\); the rest lies within 60\.\d* to 79\.\d*/,
    ],
    [
      "decimal commas",
      (_, random) => ({ size: `${Math.floor(random() * 9)},${Math.floor(random() * 9)}` }),
      {},
      /decimal comma/,
    ],
    [
      "other dates",
      (row) => ({ seen: `${1 + (row % 28)}/0${1 + (row % 9)}/2026` }),
      {},
      /dates such as '1\/01\/2026', read as text/,
    ],
    [
      "regions spelled in several ways",
      (row) => ({ store: ["north", "North"][row % 2] as string }),
      { region: "store" },
      /spells regions in several ways/,
    ],
    [
      "copies of rows",
      (row) => ({ x: row % 10, label: row % 2 ? "a" : "b" }),
      {},
      /90 rows are copies of another \(90%\)/,
    ],
  ])("with %s is planned with a warning that says what to do", async (_, make, options, message) => {
    const plan = await planOf(100, make, options);
    expect(plan.warnings.join("\n")).toMatch(message);
  });
});

it("warns of a rare label", async () => {
  const plan = await planOf(300, (row) => ({ label: row % 33 === 0 ? "fraud" : "ok" }));
  expect(plan.warnings.join()).toMatch(/'fraud' is rare \(3\.3% of rows\)/);
});

describe("a recipe that was written by hand", () => {
  it("needs a name, a source and a label alone", async () => {
    await planOf(200, () => ({}));
    const recipe = await recipeOfDocument(
      trainableRecipeSchema.parse({ name: "shop", source: "data.csv", label: "label" }),
      folder,
    );
    expect(recipe.labels).toEqual(["no", "yes"]);
    expect(recipe.thin.input).toMatchObject({ columns: [{ type: "number", name: "x" }] });
    expect(await recipe.load({ isChecked: true })).toHaveLength(200);
  });

  it("is not trained on dirty data either", async () => {
    await planOf(100, (row) => ({ label: ["yes", "Yes ", "no", "no", "yes"][row % 5] as string }), { repair: true });
    const document = trainableRecipeSchema.parse({ name: "shop", source: "data.csv", label: "label" });
    const recipe = await recipeOfDocument(document, folder);
    await expect(baseRows(recipe, {})).rejects.toThrow(/'label' spells one label in 2 ways/);
  });
});

describe("the plan", () => {
  it("has at most 25 lines, however much there is to say", async () => {
    const odd = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`c${i}`, i]));
    const plan = await planOf(100, (row, random) => ({
      ...Object.fromEntries(Object.keys(odd).map((name) => [name, row === 3 ? "what" : random()])),
    }));
    const lines = describePlan(plan, "data.csv").split("\n");
    expect(lines.length).toBeLessThanOrEqual(25);
    expect(lines.at(-2)).toMatch(/warning\s+\d+ more; --json lists all/);
    expect(lines.at(-1)).toBe("Next: npx upriver train shop");
  });

  it("keeps the later rows for a replay where they have a time, in blocks that stay in one split", async () => {
    const day = (row: number) => new Date(Date.UTC(2025, 0, 1 + row)).toISOString().slice(0, 10);
    const { document } = await planOf(300, (row) => ({ day: day(row) }), { time: "day" });
    expect(document).toMatchObject({
      time: "day",
      trainBefore: day(180),
      labelDelayDays: 1,
      groupBy: { by: "time", days: 7 },
    });
    expect(document.input).toMatchObject({ columns: [{ name: "x" }, { type: "date", name: "day" }] });
  });

  it("sets a risk below the error of always giving the most frequent label", async () => {
    const { document } = await planOf(1_000, (row) => ({ label: row % 25 === 0 ? "fraud" : "ok" }));
    expect(document.risk?.target).toBe(0.02);
  });

  it("writes a recipe that fits its lines", async () => {
    const { document } = await planOf(100, () => ({}));
    const text = formatRecipe(document);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(document)));
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(125);
  });
});
