import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { readModelFiles } from "#origin/import/files.ts";
import { inspect } from "#origin/import/inspect.ts";
import { refusalText } from "#origin/import/refused/refusal.ts";
import { saveLayersModel, saveNetwork } from "#test/helpers/saved-model.ts";
import { type ConstantOf, type GraphNodeOf, placeholder, smallGraph } from "#test/helpers/small-graph.ts";

let folder: string;
beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "upriver-refused-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const place = () => mkdtemp(join(folder, "model-"));

async function refusalOfGraph(nodes: GraphNodeOf[], constants: Record<string, ConstantOf> = {}, signature?: object) {
  const { unsupported } = await inspect(
    await readModelFiles(await saveNetwork(smallGraph(nodes, constants, signature), await place())),
  );
  return refusalText(unsupported);
}

const x = placeholder("x", [-1, 4]);
const numbers = { type: "DT_INT32" };

describe("a graph that the edge cannot run", () => {
  it.each<[what: string, nodes: GraphNodeOf[], constants: Record<string, ConstantOf>, says: string[]]>([
    [
      "a random operation",
      [
        x,
        { name: "noise", op: "RandomStandardNormal", input: ["shape"], attr: { dtype: { type: "DT_FLOAT" } } },
        { name: "sum", op: "AddV2", input: ["x", "noise"] },
      ],
      { shape: { shape: [2], values: [1, 4], dtype: "int32" } },
      ["RandomStandardNormal in 'noise'", "draws at random", "make that an input"],
    ],
    [
      "sampling",
      [x, { name: "draw", op: "Multinomial", input: ["x", "one"] }],
      { one: { shape: [], values: [1], dtype: "int32" } },
      ["Multinomial in 'draw'", "different answers"],
    ],
    [
      "a hash table",
      [
        x,
        { name: "table", op: "HashTableV2" },
        { name: "found", op: "LookupTableFindV2", input: ["table", "x", "none"] },
      ],
      { none: { shape: [], values: [0] } },
      ["HashTableV2 in 'table'", "LookupTableFindV2 in 'found'", "look the values up before you ask"],
    ],
    [
      "a loop",
      [x, { name: "loop", op: "StatelessWhile", input: ["x"] }],
      {},
      ["StatelessWhile in 'loop'", "without control flow", "unroll=True"],
    ],
    [
      "a list of tensors",
      [x, { name: "list", op: "TensorListFromTensor", input: ["x", "s"] }],
      { s: { shape: [], values: [4], dtype: "int32" } },
      ["TensorListFromTensor in 'list'", "unroll=True"],
    ],
    [
      "a sparse tensor",
      [x, { name: "dense", op: "SparseFill", input: ["x"] }],
      {},
      ["SparseFill in 'dense'", "dense tensors"],
    ],
    ["a ragged tensor", [x, { name: "r", op: "RaggedTensorToTensor", input: ["x"] }], {}, ["'r'", "pad the sequences"]],
    [
      "text",
      [x, { name: "words", op: "StringSplitV2", input: ["x"] }],
      {},
      ["'words'", "export the model from its result on"],
    ],
    [
      "a variable",
      [x, { name: "v", op: "VarHandleOp" }, { name: "s", op: "AddV2", input: ["x", "v"] }],
      {},
      ["VarHandleOp in 'v'", "not frozen"],
    ],
    [
      "a product of integers",
      [
        placeholder("a", [-1, 4], "DT_INT32"),
        {
          name: "product",
          op: "MatMul",
          input: ["a", "w"],
          attr: { T: numbers, transpose_a: { b: false }, transpose_b: { b: false } },
        },
      ],
      { w: { shape: [4, 2], values: [1, 2, 3, 4, 5, 6, 7, 8], dtype: "int32" } },
      ["MatMul in 'product'", "non-float32", "cast its inputs to float32"],
    ],
    [
      "an input of texts",
      [placeholder("text", [-1], "DT_STRING"), { name: "same", op: "Identity", input: ["text"] }],
      {},
      ["Input 'text'", "takes texts", "turn them into numbers"],
    ],
    [
      "an input without a batch",
      [x, placeholder("temperature", []), { name: "scaled", op: "Mul", input: ["x", "temperature"] }],
      {},
      ["Input 'temperature'", "without a batch dimension", "as a constant"],
    ],
    [
      "an input whose first dimension is no batch",
      [placeholder("rows", [5, 3]), { name: "same", op: "Relu", input: ["rows"] }],
      {},
      ["Input 'rows'", "first dimension is 5", "None or 1"],
    ],
  ])("is refused for %s, by name and with what to do", async (_what, nodes, constants, says) => {
    const text = await refusalOfGraph(nodes, constants);
    for (const part of says) expect(text).toContain(part);
  });

  it("is refused for outputs of one name", async () => {
    const nodes = [x, { name: "a/score", op: "Relu", input: ["x"] }, { name: "b", op: "Tanh", input: ["x"] }];
    const named = { name: "x:0", dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "-1" }, { size: "4" }] } };
    const signature = {
      inputs: { x: named },
      outputs: { score: { ...named, name: "a/score:0" }, "score:0": { ...named, name: "b:0" } },
    };
    expect(await refusalOfGraph(nodes, {}, signature)).toMatch(
      /Output 'score': 2 outputs have this name .*'a\/score', 'b'/,
    );
  });

  it("is refused for inputs of one name", async () => {
    const nodes = [x, placeholder("y", [-1, 4]), { name: "sum", op: "AddV2", input: ["x", "y"] }];
    const named = { dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "-1" }, { size: "4" }] } };
    const inputs = { a: { ...named, name: "x:0" }, "a:0": { ...named, name: "y:0" } };
    const outputs = { sum: { ...named, name: "sum:0" } };
    expect(await refusalOfGraph(nodes, {}, { inputs, outputs })).toMatch(
      /Input 'a': 2 inputs have this name .*'x', 'y'/,
    );
  });

  it("is refused for constants of texts, with the node that takes them", async () => {
    const graph = smallGraph([x, { name: "fill", op: "LookupTableImportV2", input: ["table", "keys", "x"] }], {
      keys: { shape: [1], values: [1] },
    });
    const text = JSON.stringify(graph.modelJson).replace('"dtype":"float32"', '"dtype":"string"');
    const path = await saveNetwork({ ...graph, modelJson: JSON.parse(text) }, await place());
    await expect(readModelFiles(path)).rejects.toThrow(
      /Const in 'keys': it holds texts, used by LookupTableImportV2 'fill'.*before you ask/,
    );
  });

  it("may contain one where no output needs it", async () => {
    const nodes = [x, { name: "noise", op: "RandomUniform", input: ["x"] }, { name: "y", op: "Relu", input: ["x"] }];
    const named = { dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "-1" }, { size: "4" }] } };
    const signature = { inputs: { x: { ...named, name: "x:0" } }, outputs: { y: { ...named, name: "y:0" } } };
    expect(await refusalOfGraph(nodes, {}, signature)).toBe("");
  });
});

/** Inspects a layers model in whose JSON a text is replaced. */
async function refusalOfLayers(model: layers.LayersModel, from: string, to: string) {
  const files = await readModelFiles(await saveLayersModel(model, await place()));
  const text = JSON.stringify(files.modelJson.modelTopology);
  expect(text).toContain(from);
  const modelJson = { ...files.modelJson, modelTopology: JSON.parse(text.replace(from, to)) };
  return refusalText((await inspect({ ...files, modelJson })).unsupported);
}

const { bidirectional, conv1d, conv2d, dense, embedding, globalAveragePooling1d, globalAveragePooling2d, gru, reLU } =
  layers.layers;
const sequence = (...all: layers.layers.Layer[]) => layers.sequential({ layers: all });
const recurrent = () =>
  gru({ units: 3, inputShape: [5, 2], name: "memory", recurrentInitializer: "glorotNormal" }) as layers.layers.Layer;

describe("a layers model that the edge cannot run", () => {
  it.each<[what: string, make: () => layers.LayersModel, from: string, to: string, says: string[]]>([
    [
      "GRU in Keras's usual form",
      () => sequence(recurrent()),
      '"reset_after":false',
      '"reset_after":true',
      ["GRU in 'memory'", "reset_after=False"],
    ],
    [
      "GRU within a wrapper",
      () =>
        sequence(bidirectional({ layer: recurrent() as layers.layers.RNN, inputShape: [5, 2], mergeMode: "concat" })),
      '"reset_after":false',
      '"reset_after":true',
      ["GRU in '", "reset_after=False"],
    ],
    [
      "causal convolution",
      () => sequence(conv1d({ filters: 2, kernelSize: 3, inputShape: [5, 2], name: "causal" })),
      '"padding":"valid"',
      '"padding":"causal"',
      ["Conv1D in 'causal'", "causal padding", "tfjs_graph_model"],
    ],
    [
      "code in Python",
      () => sequence(dense({ units: 2, inputShape: [3], name: "code" })),
      '"class_name":"Dense"',
      '"class_name":"Lambda"',
      ["Lambda in 'code'", "code in Python"],
    ],
    [
      "a layer of Keras 3",
      () => sequence(dense({ units: 2, inputShape: [3], name: "norm" })),
      '"class_name":"Dense"',
      '"class_name":"GroupNormalization"',
      ["GroupNormalization in 'norm'", "tfjs_graph_model"],
    ],
    [
      "text",
      () => sequence(dense({ units: 2, inputShape: [3], name: "words" })),
      '"class_name":"Dense"',
      '"class_name":"TextVectorization"',
      ["TextVectorization in 'words'", "before you ask"],
    ],
    [
      "random augmentation",
      () => sequence(dense({ units: 2, inputShape: [3], name: "flip" })),
      '"class_name":"Dense"',
      '"class_name":"RandomFlip"',
      ["RandomFlip in 'flip'", "at random"],
    ],
    [
      "an activation that TensorFlow.js lacks",
      () => sequence(dense({ units: 2, inputShape: [3], name: "last", activation: "relu" })),
      '"activation":"relu"',
      '"activation":"hologram"',
      ["Dense in 'last'", "Unknown activation: hologram"],
    ],
    [
      "sparse inputs",
      () => sequence(dense({ units: 2, inputShape: [3] })),
      '"class_name":"Dense","config":{',
      '"class_name":"InputLayer","config":{"sparse":true,',
      ["InputLayer", "sparse=False"],
    ],
  ])("is refused for %s, by layer and with what to do", async (_what, make, from, to, says) => {
    const text = await refusalOfLayers(make(), from, to);
    for (const part of says) expect(text).toContain(part);
  });

  it.each<[what: string, make: () => layers.LayersModel, from: string, to: string, says: string]>([
    [
      "groups",
      () => sequence(conv2d({ filters: 2, kernelSize: 1, inputShape: [4, 4, 2] })),
      '"filters":2',
      '"filters":2,"groups":2',
      "ignores groups",
    ],
    [
      "a slope of ReLU",
      () => sequence(dense({ units: 2, inputShape: [3] }), reLU({})),
      '"max_value":null',
      '"max_value":null,"negative_slope":0.2',
      "LeakyReLU",
    ],
    [
      "dimensions that a pooling layer keeps",
      () => sequence(conv2d({ filters: 2, kernelSize: 1, inputShape: [4, 4, 2] }), globalAveragePooling2d({})),
      '"class_name":"GlobalAveragePooling2D","config":{',
      '"class_name":"GlobalAveragePooling2D","config":{"keepdims":true,',
      "keepdims",
    ],
  ])("is refused for %s, which TensorFlow.js ignores without a word", async (_what, make, from, to, says) => {
    expect(await refusalOfLayers(make(), from, to)).toContain(says);
  });

  it("says what Keras computes otherwise", async () => {
    const words = embedding({ inputDim: 9, outputDim: 4, inputLength: 5, maskZero: true, name: "words" });
    const model = sequence(words, globalAveragePooling1d({ name: "mean" }));
    const { unsupported, notes, ranges } = await inspect(
      await readModelFiles(await saveLayersModel(model, await place())),
    );
    expect([unsupported, notes]).toEqual([
      [],
      [expect.stringMatching(/'mean' averages over all steps.*mask of 'words'/)],
    ]);
    expect(Object.values(ranges)).toEqual([{ low: 0, high: 8, isWhole: true }]);
  });
});
