import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { differenceOf } from "#origin/import/check/difference.ts";
import { checkModel } from "#origin/import/check/index.ts";
import { readModelFiles } from "#origin/import/files.ts";
import { inspect } from "#origin/import/inspect.ts";
import { importModelOf, writeRecipe } from "#origin/import/recipe.ts";
import { parseRecipe } from "#origin/recipes/parse.ts";
import { saveLayersModel, saveNetwork } from "#test/helpers/saved-model.ts";
import { type ConstantOf, type GraphNodeOf, placeholder, smallGraph } from "#test/helpers/small-graph.ts";

let folder: string;
beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "upriver-check-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const place = () => mkdtemp(join(folder, "model-"));

async function checked(path: string) {
  const files = await readModelFiles(path);
  const inspection = await inspect(files);
  expect(inspection.unsupported).toEqual([]);
  return { inspection, ...(await checkModel(files, inspection)) };
}

const ofLayers = async (...all: layers.layers.Layer[]) =>
  checked(await saveLayersModel(layers.sequential({ layers: all }), await place()));
const ofGraph = async (nodes: GraphNodeOf[], constants: Record<string, ConstantOf> = {}) =>
  checked(await saveNetwork(smallGraph(nodes, constants), await place()));

const { conv3d, dense, flatten, maxPooling3d } = layers.layers;
/** A layer that the edge's backend computes wrongly: it pads max pooling in three dimensions with zeros. */
const wrong = () => maxPooling3d({ poolSize: 2, strides: 1, padding: "same", name: "pool" });
const first = () =>
  conv3d({
    filters: 2,
    kernelSize: 1,
    inputShape: [3, 3, 3, 1],
    name: "first",
    biasInitializer: layers.initializers.constant({ value: -9 }),
  });
const x = placeholder("x", [-1, 4]);

describe("a model that is checked against TensorFlow.js's CPU backend", () => {
  it("has the largest difference over several rows", async () => {
    const { rows, difference, fault, notes } = await ofLayers(
      dense({ units: 8, inputShape: [5], activation: "tanh" }),
      dense({ units: 3, activation: "softmax" }),
    );
    expect(rows.length).toBe(4);
    expect(difference).toBeLessThan(1e-6);
    expect([fault, notes]).toEqual([null, []]);
  });

  it("is refused with the difference, and the first layer that differs is named", async () => {
    const { difference, fault } = await ofLayers(first(), wrong(), flatten(), dense({ units: 2, name: "last" }));
    expect(difference).toBeGreaterThan(1e-4);
    expect(fault).toMatch(
      /output 'last' differs .* by \S+; the first layer that differs is 'pool' \(MaxPooling3D\), by \S+:/,
    );
  });

  it("names a layer within a model that is a layer", async () => {
    const inner = layers.sequential({ layers: [first(), wrong(), flatten()], name: "inner" });
    const { fault } = await ofLayers(inner, dense({ units: 2, name: "last" }));
    expect(fault).toMatch(/the first layer that differs is '(inner\/)?pool' \(MaxPooling3D\)/);
  });

  it("is refused by the first node that differs", async () => {
    const cast = (from: string, to: string) => ({ SrcT: { type: from }, DstT: { type: to } });
    const { fault } = await ofGraph([
      x,
      { name: "mask", op: "Cast", input: ["x"], attr: cast("DT_FLOAT", "DT_BOOL") },
      { name: "numbers", op: "Cast", input: ["mask"], attr: cast("DT_BOOL", "DT_FLOAT") },
      { name: "twice", op: "AddV2", input: ["numbers", "numbers"] },
    ]);
    expect(fault).toContain("output 'twice' differs");
    expect(fault).toContain("the first node that differs is 'mask' (Cast)");
  });

  it("is served where rounding decides between nearly equal values, and says so", async () => {
    const width = 200;
    const orders = 8;
    const order = (step: number) => Array.from({ length: width }, (_, i) => (i * (2 * step + 1) * 7) % width);
    const constants: Record<string, ConstantOf> = {
      one: { shape: [], values: [1], dtype: "int32" },
      axes: { shape: [1], values: [1], dtype: "int32" },
    };
    const sums: GraphNodeOf[] = [];
    const steps = [0, 1, 3, 4, 5, 6, 8, 9].slice(0, orders);
    for (const step of steps) {
      constants[`order${step}`] = { shape: [width], values: order(step), dtype: "int32" };
      sums.push(
        { name: `turned${step}`, op: "GatherV2", input: ["x", `order${step}`, "one"] },
        { name: `sum${step}`, op: "Sum", input: [`turned${step}`, "axes"], attr: { keep_dims: { b: true } } },
      );
    }
    const { fault, notes } = await ofGraph(
      [
        placeholder("x", [-1, width]),
        ...sums,
        {
          name: "all",
          op: "ConcatV2",
          input: [...steps.map((step) => `sum${step}`), "one"],
          attr: { N: { i: String(steps.length) } },
        },
        { name: "best", op: "ArgMax", input: ["all", "one"] },
      ],
      constants,
    );
    expect(fault).toBeNull();
    expect(notes).toEqual([expect.stringMatching(/'best' differs .*'best' \(ArgMax\) are nearly equal/)]);
  });

  it("is not compared where the reference has no finite number", async () => {
    const constants = { five: { shape: [], values: [5] } };
    const { difference, notes } = await ofGraph(
      [x, { name: "less", op: "Sub", input: ["x", "five"] }, { name: "root", op: "Sqrt", input: ["less"] }],
      constants,
    );
    expect([difference, notes]).toEqual([null, [expect.stringContaining("not checked")]]);
  });

  it("receives what its tables and scales take", async () => {
    const { inspection, fault } = await ofGraph(
      [
        placeholder("word", [-1, 3]),
        placeholder("image", [-1, 2, 2, 3]),
        {
          name: "index",
          op: "Cast",
          input: ["word"],
          attr: { SrcT: { type: "DT_FLOAT" }, DstT: { type: "DT_INT32" } },
        },
        { name: "found", op: "GatherV2", input: ["table", "index", "zero"] },
        { name: "scaled", op: "RealDiv", input: ["image", "pixels"] },
      ],
      {
        table: { shape: [7, 2], values: Array.from({ length: 14 }, (_, i) => i) },
        zero: { shape: [], values: [0], dtype: "int32" },
        pixels: { shape: [], values: [255] },
      },
    );
    expect(inspection.ranges).toEqual({
      word: { low: 0, high: 6, isWhole: true },
      image: { low: 0, high: 255, isWhole: false },
    });
    expect(fault).toBeNull();
  });

  it("is refused when its recipe is published, too", async () => {
    const path = await saveLayersModel(layers.sequential({ layers: [first(), wrong()] }), await place());
    const files = await readModelFiles(path);
    const recipe = await writeRecipe(files, await inspect(files), "pooled", folder);
    const document = parseRecipe(
      recipe,
      JSON.stringify(await import(recipe, { with: { type: "json" } }).then((m) => m.default)),
    );
    await expect(importModelOf(document as Parameters<typeof importModelOf>[0], folder)).rejects.toThrow(
      /pooled.*'pool'/,
    );
  });
});

describe("a difference", () => {
  const tensor = (...values: number[]) => ({ shape: [values.length], values: Float32Array.from(values) });
  it.each([
    ["is relative to the reference where that is above 1", tensor(201), tensor(200), 1 / 200],
    ["is absolute below 1", tensor(0.5), tensor(0.25), 0.25],
    ["is infinite for what is not a number", tensor(Number.NaN), tensor(1), Number.POSITIVE_INFINITY],
    ["is infinite for infinity", tensor(Number.POSITIVE_INFINITY), tensor(1), Number.POSITIVE_INFINITY],
    ["is infinite for another shape", tensor(1, 2), tensor(1), Number.POSITIVE_INFINITY],
    ["leaves out what is not finite in the reference", tensor(1, 2), tensor(Number.NaN, 2), 0],
    ["is unknown where nothing is finite in the reference", tensor(1), tensor(Number.NaN), null],
  ])("%s", (_what, found, reference, expected) => {
    expect(differenceOf(found, reference)).toBe(expected);
  });
});
