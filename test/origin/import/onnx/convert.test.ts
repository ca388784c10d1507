import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TensorRecipe } from "#core/contract/index.ts";
import type { Tensor } from "#core/model/engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { createModel } from "#origin/import/create.ts";
import { readModelFiles } from "#origin/import/files.ts";
import { inspect } from "#origin/import/inspect.ts";
import { operators } from "#origin/import/onnx/operators/index.ts";
import { importModelOf, writeRecipe } from "#origin/import/recipe.ts";
import { parseRecipe } from "#origin/recipes/parse.ts";
import { type OnnxFixture, onnxFixtures } from "#test/helpers/onnx-fixtures.ts";
import { type OnnxNode, type OnnxParts, onnxModel } from "#test/helpers/onnx-model.ts";

const fixture = (name: OnnxFixture) => join(import.meta.dirname, `../../../fixtures/onnx/${name}.onnx`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-onnx-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(parts: OnnxParts): Promise<string> {
  const path = join(await mkdtemp(join(folder, "model-")), "model.onnx");
  await writeFile(path, onnxModel(parts));
  return path;
}

/** A model of one node over x [batch, …], with constants as its other inputs. */
function oneNode(node: Omit<OnnxNode, "inputs" | "outputs">, size: number[], more: Partial<OnnxParts> = {}) {
  const others = (more.tensors ?? []).map(({ name }) => name);
  return written({
    ...{ nodes: [{ ...node, inputs: ["x", ...others], outputs: ["y"] }], outputs: ["y"] },
    ...{ inputs: { x: ["batch", ...size] }, ...more },
  });
}

/** Runs a model on rows of its input x; returns its output y. */
async function run(path: string, shape: number[], values: ArrayLike<number>): Promise<Tensor> {
  const { kind, modelJson, values: weights } = await readModelFiles(path);
  const topology = new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer;
  const model = await (await tfjsEngine()).load(kind, { topology, shards: [weights] });
  const [y] = model.run({ x: { shape, values: Float32Array.from(values) } }, ["y"]) as [Tensor];
  model.release();
  return y;
}

describe("a converted model", () => {
  it.each(Object.keys(onnxFixtures) as OnnxFixture[])(
    "runs at the edge in batches, by its own names: %s",
    async (name) => {
      const inspection = await inspect(await readModelFiles(fixture(name)));
      const { inputs, outputs } = JSON.parse(await readFile(fixture(name).replace(/onnx$/, "json"), "utf8"));
      expect(inspection).toMatchObject({ unsupported: [], batch: true });
      const shapes = (all: typeof inspection.inputs) => all.map((one) => [one.name, one.shape]);
      const expected = (all: Record<string, { shape: number[] }>) =>
        Object.entries(all).map(([key, { shape }]) => [key, shape.slice(1)]);
      expect(shapes(inspection.inputs)).toEqual(expected(inputs));
      expect(shapes(inspection.outputs)).toEqual(expected(outputs));
    },
  );

  it("transposes an image once, folds batch normalisations and fuses activations", async () => {
    const { operations } = await inspect(await readModelFiles(fixture("residual")));
    expect(operations).toMatchObject({ Transpose: 1, _FusedConv2D: 4, Relu: 1, _FusedMatMul: 1 });
    expect(Object.keys(operations)).not.toContain("Mul");
  });

  it("keeps weights of 8 and 16 bits as small as they were", async () => {
    const stored = async (name: OnnxFixture) => {
      const { modelJson } = await readModelFiles(fixture(name));
      return modelJson.weightsManifest[0]?.weights
        .filter(({ shape }) => shape.reduce((a, b) => a * b, 1) > 30)
        .map(({ quantization }) => quantization?.dtype);
    };
    expect(await stored("int8")).toEqual(["uint8", "uint8", "uint8", "uint8"]);
    expect(await stored("float16")).toContain("float16");
  });

  it("is the base of a model that takes pictures, and its recipe publishes it", async () => {
    const { draft } = await createModel({
      model: "pets",
      base: fixture("residual"),
      labels: ["cat", "dog"],
      targetRisk: 0.05,
    });
    expect(draft.thin.input).toMatchObject({ kind: "image", size: [16, 16], channels: 3 });
    expect(draft.thin.backbone.embedding.width).toBe(16);
    const files = await readModelFiles(fixture("int8"));
    const path = await writeRecipe(files, await inspect(files), "small", folder);
    const recipe = parseRecipe(path, await readFile(path, "utf8")) as TensorRecipe;
    const artefact = await importModelOf(recipe, folder);
    expect(artefact.draft.network.outputs).toMatchObject([{ name: "logits", shape: [4] }]);
  });
});

describe("the list of operators in the README", () => {
  it("names each that is converted, and no other", async () => {
    const readme = await readFile(join(import.meta.dirname, "../../../../workers/origin/README.md"), "utf8");
    const [, table = ""] = readme.split("| operators | |");
    const rows = (table.split("\n\n")[0] ?? "").split("\n").filter((row) => /^\| [a-z8]/.test(row));
    const cells = rows.map((row) => row.split("|")[2] ?? "");
    const named = cells.flatMap((cell) => cell.match(/\b[A-Z]\w+/g) ?? []).sort();
    expect(named).toEqual([...operators.keys(), "If"].sort());
  });
});

describe("operators that PyTorch does not export", () => {
  it("flatten the axes of a softmax before opset 13", async () => {
    const path = await oneNode({ op: "Softmax" }, [2, 2], { opset: 11 });
    const { values } = await run(path, [1, 2, 2], [0, 1, 2, 3]);
    const sum = [0, 1, 2, 3].reduce((all, x) => all + Math.exp(x), 0);
    [0, 1, 2, 3].forEach((x, i) => void expect(values[i]).toBeCloseTo(Math.exp(x) / sum, 6));
  });

  it("keep both of two activations after a convolution", async () => {
    const path = await written({
      nodes: [
        { op: "Conv", inputs: ["x", "kernel", "bias"], outputs: ["a"] },
        { op: "Clip", inputs: ["a", "low", "high"], outputs: ["b"] },
        { op: "Relu", inputs: ["b"], outputs: ["y"] },
      ],
      ...{ inputs: { x: ["batch", 1, 1, 3] }, outputs: ["y"] },
      tensors: [
        { name: "kernel", shape: [1, 1, 1, 1], values: Float32Array.of(10) },
        { name: "bias", shape: [1], values: Float32Array.of(1) },
        { name: "low", shape: [], values: Float32Array.of(0) },
        { name: "high", shape: [], values: Float32Array.of(6) },
      ],
    });
    const { values } = await run(path, [1, 1, 1, 3], [1, 0.2, -1]);
    expect([...values]).toEqual([6, 3, 0]);
  });

  it("leave a class outside the range off, and count negative ones from the end", async () => {
    const path = await written({
      nodes: [{ op: "OneHot", inputs: ["x", "depth", "values"], outputs: ["y"] }],
      ...{ inputs: { x: ["batch"] }, outputs: ["y"] },
      tensors: [
        { name: "depth", shape: [], values: BigInt64Array.of(3n) },
        { name: "values", shape: [2], values: Float32Array.of(0, 1) },
      ],
    });
    const { values } = await run(path, [4], [1, 3, -1, -4]);
    expect([...values]).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  });

  it("quantise activations as 8-bit numbers would be", async () => {
    const parts: OnnxParts = {
      nodes: [
        { op: "QuantizeLinear", inputs: ["x", "scale", "zero"], outputs: ["q"] },
        { op: "DequantizeLinear", inputs: ["q", "scale", "zero"], outputs: ["y"] },
      ],
      ...{ inputs: { x: ["batch", 6] }, outputs: ["y"] },
      tensors: [
        { name: "scale", shape: [], values: Float32Array.of(0.5) },
        { name: "zero", shape: [], values: Int8Array.of(3) },
      ],
    };
    const { values } = await run(await written(parts), [1, 6], [0.2, 0.25, 0.75, -0.3, 1000, -1000]);
    expect([...values]).toEqual([0, 0, 1, -0.5, 62, -65.5]);
  });

  it("reset the state of a GRU before its product", async () => {
    const weights = (name: string, shape: number[], phase: number) => ({
      name,
      shape,
      values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(3 * i + phase)),
    });
    const tensors = [weights("W", [1, 6, 3], 0), weights("R", [1, 6, 2], 1), weights("B", [1, 12], 2)];
    const path = await written({
      nodes: [
        { op: "Transpose", inputs: ["x"], outputs: ["t"], attributes: { perm: [1, 0, 2] } },
        { op: "GRU", inputs: ["t", "W", "R", "B"], outputs: ["", "h"], attributes: { hidden_size: 2 } },
        { op: "Squeeze", inputs: ["h", "axes"], outputs: ["y"] },
      ],
      ...{ inputs: { x: ["batch", 4, 3] }, outputs: ["y"] },
      tensors: [...tensors, { name: "axes", shape: [1], values: BigInt64Array.of(0n) }],
    });
    const x = Array.from({ length: 12 }, (_, i) => Math.cos(i));
    const { values } = await run(path, [1, 4, 3], x);
    const expected = gru(x, ...(tensors.map((one) => one.values) as [Float32Array, Float32Array, Float32Array]));
    expected.forEach((value, i) => void expect(values[i]).toBeCloseTo(value, 5));
  });

  it("take the branch of a condition on shapes, and reverse, wrap and place elements", async () => {
    const axis = { name: "axis", shape: [1], values: BigInt64Array.of(1n) };
    const steps = { name: "steps", shape: [1], values: BigInt64Array.of(-2n) };
    const bounds = [4n, -9n].map((value, i) => ({ name: `at${i}`, shape: [1], values: BigInt64Array.of(value) }));
    const back = await oneNode({ op: "Slice" }, [5], { tensors: [...bounds, axis, steps] });
    expect([...(await run(back, [1, 5], [1, 2, 3, 4, 5])).values]).toEqual([5, 3, 1]);
    const pads = { name: "pads", shape: [4], values: BigInt64Array.of(0n, 2n, 0n, 1n) };
    const wrap = await oneNode({ op: "Pad", attributes: { mode: "wrap" } }, [3], { tensors: [pads], opset: 19 });
    expect([...(await run(wrap, [1, 3], [1, 2, 3])).values]).toEqual([2, 3, 1, 2, 3, 1]);
  });
});

/** One direction over [steps, 3] with a state of 2, in float64. */
function gru(x: number[], W: Float32Array, R: Float32Array, B: Float32Array): number[] {
  let h = [0, 0];
  const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));
  const dot = (weights: Float32Array, row: number, values: number[]) =>
    values.reduce((sum, value, i) => sum + value * (weights[row * values.length + i] as number), 0);
  for (let step = 0; step < 4; step++) {
    const now = x.slice(3 * step, 3 * step + 3);
    const gate = (row: number, state: number[]) =>
      dot(W, row, now) + dot(R, row, state) + (B[row] as number) + (B[row + 6] as number);
    const z = [0, 1].map((i) => sigmoid(gate(i, h)));
    const reset = [0, 1].map((i) => sigmoid(gate(2 + i, h)) * (h[i] as number));
    const candidate = [0, 1].map((i) => Math.tanh(gate(4 + i, reset)));
    h = h.map((before, i) => (1 - (z[i] as number)) * (candidate[i] as number) + (z[i] as number) * before);
  }
  return h;
}
