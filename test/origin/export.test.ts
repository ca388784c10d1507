import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inputSchema } from "#core/contract/index.ts";
import { exportSet } from "#origin/export/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import type { Recipe } from "#origin/recipes/recipe.ts";
import type { Part, RowsBySplit } from "#origin/train/splits.ts";

const storefront = exampleRecipe("storefront");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-export-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

// A reader that is independent of the writer.
async function query(sql: string) {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  return (await connection.runAndReadAll(sql)).getRowObjectsJS();
}

const visit = { temperature: 20.5, rainMm: null, minutesOnPage: 2, hour: 9, lookedAt: "gift" };
const at = Date.UTC(2025, 2, 4);
const table: Pick<RowsBySplit, Part> = {
  train: [
    { region: "lagoon", instance: visit, label: "umbrella", at },
    { region: "mesa", instance: { ...visit, rainMm: 3 }, label: "sun-hat", at, weight: 0.25, source: "origin" },
  ],
  validation: [{ region: "ridge", instance: { ...visit, lookedAt: null }, label: "sneakers", at, source: "truth" }],
  calibration: [],
  latest: [],
};

describe("an exported training set", () => {
  it("has one row for each instance with typed columns, nulls, label, region, split, weight and source", async () => {
    const { rows } = await exportSet(storefront, table, join(folder, "table"));
    expect(rows).toEqual({ train: 2, validation: 1, calibration: 0, latest: 0 });
    const file = join(folder, "table", "set.parquet");
    expect(await query(`SELECT * EXCLUDE (minutesOnPage, hour) FROM '${file}'`)).toEqual([
      { temperature: 20.5, rainMm: null, lookedAt: "gift", ...known("umbrella", "lagoon", "train", 1, "base") },
      { temperature: 20.5, rainMm: 3, lookedAt: "gift", ...known("sun-hat", "mesa", "train", 0.25, "origin") },
      { temperature: 20.5, rainMm: null, lookedAt: null, ...known("sneakers", "ridge", "validation", 1, "truth") },
    ]);
  });

  it("describes the networks' inputs, fitted on the training rows", async () => {
    const inputs = JSON.parse(await readFile(join(folder, "table", "input.json"), "utf8"));
    for (const name of ["full", "thin"]) {
      const input = inputSchema.parse(inputs[name]);
      const [heat, rain] = input.kind === "features" ? input.columns : [];
      expect([heat, rain]).toMatchObject([{ name: "temperature", mean: 20.5 }, { mean: 3 }]);
    }
    const dataset = JSON.parse(await readFile(join(folder, "table", "dataset.json"), "utf8"));
    expect(dataset).toMatchObject({ recipe: "storefront", labels: storefront.labels, rows: { train: 2 } });
  });

  it("has images as bytes, nested or flat, in more than one row group", async () => {
    const input = {
      kind: "image" as const,
      size: [2, 2] as [number, number],
      channels: 1 as const,
      scale: 1,
      offset: 0,
    };
    const network = { input, kind: "network" as const, layers: [], rivals: [] };
    const recipe: Recipe = { ...storefront, full: network, thin: network };
    const rows = Array.from({ length: 10_003 }, (_, i) => ({
      ...{ region: "lagoon", label: "umbrella", at },
      instance:
        i % 2 === 0
          ? [0, 1, 254, 255]
          : [
              [[0], [1]],
              [[254], [255]],
            ],
    }));
    await exportSet(recipe, { train: rows, validation: [], calibration: [], latest: [] }, join(folder, "images"));
    const file = join(folder, "images", "set.parquet");
    expect(
      await query(`SELECT DISTINCT hex(pixels) AS pixels, count(*)::INT AS n FROM '${file}' GROUP BY ALL`),
    ).toEqual([{ pixels: "0001FEFF", n: rows.length }]);
  });
});

function known(label: string, region: string, split: string, weight: number, source: string) {
  return { label, region, split, weight, source, labelledBy: null, trusted: true, askedAt: new Date(at) };
}
