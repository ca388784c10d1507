import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Input } from "#core/contract/index.ts";
import type { Engine, Tensor } from "#core/model/engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { backboneOf } from "#origin/import/backbone.ts";
import { readModelFiles } from "#origin/import/files.ts";
import { inspect } from "#origin/import/inspect.ts";
import { importNetwork } from "#origin/import/network.ts";
import { refusalText } from "#origin/import/refused/refusal.ts";
import { type Blobs, packModel } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";
import { expectClose } from "#test/helpers/close.ts";
import { cutScores } from "#test/helpers/cut-scores.ts";
import { layerModels, onCpu, plainly, valuesFor } from "#test/helpers/layer-models.ts";
import { testRule } from "#test/helpers/model.ts";
import { saveLayersModel } from "#test/helpers/saved-model.ts";

type Name = keyof typeof layerModels;
const rows = 3;

let folder: string;
let engine: Engine;
beforeAll(async () => {
  engine = await tfjsEngine();
  folder = await mkdtemp(join(tmpdir(), "upriver-tensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const place = () => mkdtemp(join(folder, "model-"));

/** Runs a model that is cut at a tensor and packed as it is published. */
async function cutAt(path: string, tensor: string, given: Record<string, Tensor>): Promise<number[]> {
  const parts = await backboneOf(await readModelFiles(path), tensor);
  const blobs: Blobs = new Map();
  const { kind, topology, shards } = await packModel(parts, blobs);
  const read = readFrom(blobs);
  const own = await engine.load(kind, { topology: await read(topology), shards: await Promise.all(shards.map(read)) });
  const [found] = own.run(given, [parts.tensor]) as [Tensor];
  own.release();
  return Array.from(found.values);
}

/** The outputs of each application of a model's layers, by layer; those of inner models by their own layers. */
function outputsOf(model: layers.LayersModel, layer: string, node: number, index = 0): layers.SymbolicTensor {
  const nodes = (model.getLayer(layer) as layers.layers.Layer).inboundNodes;
  return nodes[node]?.outputTensors[index] as layers.SymbolicTensor;
}

describe("cutting a model at a tensor", () => {
  it.each<[Name, string, (model: layers.LayersModel) => layers.SymbolicTensor]>([
    ["a layer applied twice, the second output", "loop", (model) => outputsOf(model, "loop", 0)],
    ["a layer applied twice, the second output", "loop@1", (model) => outputsOf(model, "loop", 1)],
    ["a layer applied twice, both outputs", "shared@1", (model) => outputsOf(model, "shared", 1)],
    ["a layer with several outputs", "states:2", (model) => outputsOf(model, "states", 0, 2)],
    ["the state of one layer as another's", "decoder", (model) => outputsOf(model, "decoder", 0)],
    ["a model applied twice in the middle", "tower@1", (model) => outputsOf(model, "tower", 2)],
    ["models in models in models", "middle", (model) => model.outputs[0] as layers.SymbolicTensor],
  ])("%s, at %s", async (name, tensor, expected) => {
    const model = await onCpu(layerModels[name]);
    const path = await onCpu(async () => saveLayersModel(model, await place()));
    const given = valuesFor(model, rows);
    expectClose([await cutAt(path, tensor, given)], await plainly(model, given, [expected(model)]));
  });

  it("inside a model that is inside another, by path or by name", async () => {
    const model = await onCpu(layerModels["models in models in models"]);
    const path = await onCpu(async () => saveLayersModel(model, await place()));
    const given = valuesFor(model, rows);
    const byPath = await cutAt(path, "middle/inner_hidden", given);
    expect(byPath).toHaveLength(rows * 6);
    expect(await cutAt(path, "inner_hidden", given)).toEqual(byPath);
    // The inner models' layers, applied by hand.
    const [network, trunk, middle] = ["network", "trunk", "middle"].map((name) => find(model, name));
    expect([network, trunk, middle].every(Boolean)).toBe(true);
    const hidden = (find(model, "inner") as layers.LayersModel).layers[0] as layers.layers.Layer;
    const seen = await onCpu(() => hidden.apply(trunk?.apply(tensorsOf(model, given)) as tf.Tensor) as tf.Tensor);
    expectClose([byPath], [await onCpu(() => Array.from(seen.dataSync()))]);
  });

  it("that it does not have names the last layers and how tensors are written", async () => {
    const model = await onCpu(layerModels["a layer applied twice, both outputs"]);
    const files = await readModelFiles(await onCpu(async () => saveLayersModel(model, await place())));
    await expect(backboneOf(files, "shared@2")).rejects.toThrow(
      /no layer 'shared@2'.*'layer@1'.*the last are .*shared/,
    );
  });
});

function find(model: layers.LayersModel, name: string): layers.LayersModel | undefined {
  for (const layer of model.layers as layers.LayersModel[]) {
    const found = layer.name === name ? layer : layer.layers && find(layer, name);
    if (found) return found;
  }
}

function tensorsOf(model: layers.LayersModel, given: Record<string, Tensor>): tf.Tensor {
  const { values, shape } = given[model.inputs[0]?.sourceLayer.name ?? ""] as Tensor;
  return tf.tensor(values, shape);
}

describe("the head of a network whose last layer is a model", () => {
  it.each(["a model as the last layer", "models in models in models"] as const)("is cut off: %s", async (name) => {
    const model = await onCpu(() => (name === "a model as the last layer" ? layerModels[name]() : deepClassifier()));
    const path = await onCpu(async () => saveLayersModel(model, await place()));
    const { embedding } = await inspect(await readModelFiles(path));
    expect(embedding).toMatchObject({ width: 6 });
    const blobs: Blobs = new Map();
    const input: Input = { kind: "tensor", shape: [6, 6, 2], dtype: "float32", scale: 1, offset: 0 };
    const packed = await importNetwork(path, input, 3, blobs);
    const given = valuesFor(model, rows);
    const [values] = Object.values(given) as [Tensor];
    const scores = await cutScores({ ...packed, rule: testRule(0) }, blobs, values);
    expectClose([scores], await plainly(model, given));
  });
});

// Ends in a model of a model, whose last layer gives the scores.
function deepClassifier(): layers.LayersModel {
  const model = layerModels["models in models in models"]();
  const inner = find(model, "inner") as layers.LayersModel;
  const trunk = find(model, "trunk") as layers.LayersModel;
  const input = layers.input({ shape: [6, 6, 2] });
  const outer = layers.sequential({ name: "outer", layers: [inner] });
  return layers.model({ inputs: input, outputs: outer.apply(trunk.apply(input)) as layers.SymbolicTensor });
}

describe("a graph whose head takes a node's second output", () => {
  const node = (name: string, op: string, input: string[], attr: object = {}) => ({ name, op, input, attr });
  const float = { T: { type: "DT_FLOAT" } };
  const shape = { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: [{ size: "-1" }, { size: "4" }] } } };
  const nodes = [
    node("x", "Placeholder", [], shape),
    node("w", "Const", [], { dtype: { type: "DT_FLOAT" } }),
    // Its value is in the node, as in a graph that no converter wrote.
    node("axis", "Const", [], { value: { tensor: { dtype: "DT_INT32", tensorShape: {}, intVal: [1] } } }),
    node("by", "Const", [], { dtype: { type: "DT_FLOAT" } }),
    node("scaled", "Mul", ["x", "by"], float),
    node("half", "Split", ["axis", "scaled"], { ...float, num_split: { i: "2" } }),
    node("kept", "Identity", ["half:1"], float),
    node("scores", "MatMul", ["kept", "w"], float),
  ];
  const weights = Float32Array.of(1, 2, 3, 4, 5, 6, ...[1, 1, 1, 2]);
  const listed = [
    { name: "w", shape: [2, 3], dtype: "float32" },
    { name: "by", shape: [4], dtype: "float32" },
  ];

  async function saved(change: (json: Record<string, unknown>) => void = () => {}): Promise<string> {
    const to = await place();
    const json = {
      format: "graph-model",
      modelTopology: { node: nodes, versions: {} },
      weightsManifest: [{ paths: ["my%20weights.bin"], weights: listed }],
    };
    change(json);
    await writeFile(join(to, "model.json"), JSON.stringify(json));
    await writeFile(join(to, "my weights.bin"), new Uint8Array(weights.buffer));
    return to;
  }

  it("is cut there, with the constant of a node and a shard's encoded path", async () => {
    const path = await saved();
    const { embedding } = await inspect(await readModelFiles(path));
    expect(embedding).toEqual({ tensor: "half:1", width: 2 });
    const x = { shape: [2, 4], values: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
    expect(await cutAt(path, "half:1", { x })).toEqual([3, 8, 7, 16]);
    expect(await cutAt(path, "half", { x })).toEqual([1, 2, 5, 6]);
    const input: Input = { kind: "tensor", shape: [4], dtype: "float32", scale: 1, offset: 0 };
    const packed = await importNetwork(path, input, 3, new Map());
    expect(packed.backbone.embedding).toMatchObject({ tensor: "half:1", width: 2 });
  });

  it("is refused when two outputs have one name", async () => {
    const outputs = { a: { name: "half:0" }, "a:0": { name: "half:1" } };
    const path = await saved((json) => Object.assign(json, { signature: { outputs } }));
    const { unsupported } = await inspect(await readModelFiles(path));
    expect(refusalText(unsupported)).toContain("Output 'a': 2 outputs have this name (of 'half', 'half:1')");
  });

  it("is refused when a constant has no value", async () => {
    const path = await saved((json) => Object.assign(json, { weightsManifest: [] }));
    await expect(readModelFiles(path)).rejects.toThrow("Node 'w' is a constant without a value");
  });
});

describe("a model without weights", () => {
  const input = { class_name: "InputLayer", config: { name: "in", batch_input_shape: [null, 2, 3] } };
  const flat = { class_name: "Flatten", config: { name: "flat" } };
  const last = { class_name: "Softmax", config: { name: "out", axis: -1 } };
  const topology = { class_name: "Sequential", config: { name: "none", layers: [input, flat, last] } };
  const x = {
    name: "x",
    op: "Placeholder",
    attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: [{ size: "-1" }, { size: "3" }] } } },
  };
  const graph = {
    node: [x, { name: "y", op: "Softmax", input: ["x"], attr: { T: { type: "DT_FLOAT" } } }],
    versions: {},
  };

  it.each<[string, object]>([
    ["layers, no manifest", { modelTopology: topology }],
    ["layers, an empty manifest", { modelTopology: topology, weightsManifest: [] }],
    [
      "layers, a file that was not saved",
      { modelTopology: topology, weightsManifest: [{ paths: ["./weights.bin"], weights: [] }] },
    ],
    ["a graph, no manifest", { modelTopology: graph }],
    ["a graph, null", { modelTopology: graph, weightsManifest: null }],
  ])("is read and runs: %s", async (_, json) => {
    const to = await place();
    await writeFile(join(to, "model.json"), JSON.stringify(json));
    const files = await readModelFiles(to);
    const { unsupported, outputs, bytes, inputs } = await inspect(files);
    expect([unsupported, bytes.weights, outputs.length]).toEqual([[], 0, 1]);
    const blobs: Blobs = new Map();
    const packed = await packModel(
      { kind: files.kind, modelTopology: files.modelJson.modelTopology, weights: [] },
      blobs,
    );
    expect(packed.shards).toEqual([]);
    const own = await engine.load(files.kind, { topology: await readFrom(blobs)(packed.topology), shards: [] });
    const given = {
      shape: [1, ...(inputs[0]?.shape ?? [])],
      values: new Float32Array(files.kind === "tfjs-graph-model" ? 3 : 6),
    };
    const [found] = own.run({ [inputs[0]?.tensor ?? ""]: given }, [outputs[0]?.tensor ?? ""]) as [Tensor];
    expect(found.values[0]).toBeCloseTo(1 / given.values.length, 5);
    own.release();
  });
});

it("leaves out the weights of the optimizer", async () => {
  const model = await onCpu(layerModels["a layer applied twice, the second output"]);
  const path = await onCpu(async () => saveLayersModel(model, await place()));
  const json = JSON.parse(await readFile(path, "utf8"));
  json.weightsManifest.unshift({
    paths: ["more.bin"],
    weights: [{ name: "iter", shape: [], dtype: "int32", group: "optimizer" }],
  });
  await writeFile(path, JSON.stringify(json));
  await writeFile(join(path, "../more.bin"), new Uint8Array(4));
  const { modelJson, values } = await readModelFiles(path);
  expect(modelJson.weightsManifest.flatMap(({ weights }) => weights.map(({ name }) => name))).toEqual([
    "loop/kernel",
    "loop/bias",
  ]);
  expect(values.byteLength).toBe(80);
});
