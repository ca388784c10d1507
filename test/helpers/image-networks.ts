import type { Backbone } from "#core/contract/index.ts";
import { sizeOf } from "#core/input/index.ts";
import type { ModelFiles } from "#core/model/engine.ts";
import type { WeightSpec } from "#core/model/tfjs/model-json.ts";
import type { WeightType } from "#origin/recipes/index.ts";
import { quantiseWeights } from "#origin/train/quantise.ts";
import { seeded, uniform } from "./random.ts";

/** A convolutional network of an image and a region, as files: nothing that Upriver wrote. */
export interface ImageNetwork {
  spec: Backbone;
  files: ModelFiles;
  /** How many values its weights have. */
  values: number;
  modelJson: { modelTopology: object; weightsManifest: { paths: string[]; weights: WeightSpec[] }[] };
}

/** Image and region. */
export const imageShapes = [[8, 7, 2], [3]];
/** Values that a row of both inputs has. */
export const imageRowWidth = 8 * 7 * 2 + 3;
/** The width of the embedding, and the classes of the head that follows it. */
export const [embeddingWidth, imageClasses] = [6, 4];

type KerasStyle = "keras2" | "keras3";

/** The network in the layers format, as Keras 2 writes it, or with tensors and shapes as Keras 3 does. */
export function layersNetwork(type: WeightType = "float32", style: KerasStyle = "keras2"): ImageNetwork {
  const shape = style === "keras2" ? "batch_input_shape" : "batch_shape";
  const convolution = { strides: [1, 1], padding: "same", activation: "linear", use_bias: true };
  const dense = { activation: "relu", use_bias: true };
  const layers: [className: string, name: string, config: object, inputs: string[]][] = [
    ["InputLayer", "picture", { [shape]: [null, 8, 7, 2] }, []],
    ["InputLayer", "place", { [shape]: [null, 3] }, []],
    ["Conv2D", "conv", { ...convolution, filters: 4, kernel_size: [3, 3], strides: [1, 2] }, ["picture"]],
    ["BatchNormalization", "norm", { axis: [3], epsilon: 0.01, center: true, scale: true }, ["conv"]],
    ["ReLU", "relu", { max_value: 6 }, ["norm"]],
    ["DepthwiseConv2D", "depthwise", { ...convolution, kernel_size: [3, 3], depth_multiplier: 2 }, ["relu"]],
    ["Conv2D", "shortcut", { ...convolution, filters: 8, kernel_size: [1, 1], use_bias: false }, ["relu"]],
    ["Add", "add", {}, ["depthwise", "shortcut"]],
    ["MaxPooling2D", "pool", { pool_size: [2, 2], strides: [2, 1], padding: "valid" }, ["add"]],
    ["SeparableConv2D", "separable", { ...convolution, filters: 5, kernel_size: [2, 2], padding: "valid" }, ["pool"]],
    ["Activation", "tanh", { activation: "tanh" }, ["separable"]],
    ["Dropout", "dropout", { rate: 0.5 }, ["tanh"]],
    ["GlobalAveragePooling2D", "mean", {}, ["dropout"]],
    ["Reshape", "reshape", { target_shape: [2, 15] }, ["dropout"]],
    ["Flatten", "flatten", {}, ["reshape"]],
    ["Concatenate", "concat", { axis: -1 }, ["flatten", "place", "mean"]],
    ["Dense", "dense", { ...dense, units: 9, activation: "sigmoid" }, ["concat"]],
    ["Dense", "embedding", { ...dense, units: embeddingWidth, activation: "tanh" }, ["dense"]],
  ];
  const json = layers.map(([class_name, name, config, inputs]) => ({
    ...{ class_name, name, config: { name, ...config } },
    inbound_nodes: inboundNodes(inputs, style),
  }));
  const ends = { input_layers: [end("picture"), end("place")], output_layers: [end("embedding")] };
  const modelTopology = { class_name: "Functional", config: { name: "image", layers: json, ...ends } };
  const shapes = {
    ...{ "conv/kernel": [3, 3, 2, 4], "conv/bias": [4] },
    ...{ "norm/gamma": [4], "norm/beta": [4], "norm/moving_mean": [4], "norm/moving_variance": [4] },
    ...{ "depthwise/depthwise_kernel": [3, 3, 4, 2], "depthwise/bias": [8], "shortcut/kernel": [1, 1, 4, 8] },
    ...{ "separable/depthwise_kernel": [2, 2, 8, 1], "separable/pointwise_kernel": [1, 1, 8, 5] },
    ...{ "separable/bias": [5], "dense/kernel": [38, 9], "dense/bias": [9] },
    ...{ "embedding/kernel": [9, embeddingWidth], "embedding/bias": [embeddingWidth] },
  };
  return network("tfjs-layers-model", "embedding", modelTopology, shapes, {}, type);
}

const end = (name: string): [string, number, number] => [name, 0, 0];

function inboundNodes(inputs: string[], style: KerasStyle): unknown[] {
  if (inputs.length === 0) return [];
  if (style === "keras2") return [inputs.map((name) => [...end(name), {}])];
  const tensors = inputs.map((name) => ({
    class_name: "__keras_tensor__",
    config: { shape: [null], dtype: "float32", keras_history: end(name) },
  }));
  return [{ args: tensors.length === 1 ? tensors : [tensors], kwargs: {} }];
}

/** A network in the graph format, whole: every operation that runs at the edge, then a head and softmax. */
export function graphNetwork(type: WeightType = "float32"): ImageNetwork {
  const shapes: Record<string, number[]> = {
    ...{ "conv/w": [3, 3, 2, 4], "conv/b": [4], "fused/w": [2, 2, 4, 6], "fused/b": [6] },
    ...{ gamma: [6], beta: [6], moving_mean: [6], moving_variance: [6], "deep/w": [3, 3, 6, 1], "deep/b": [6] },
    ...{ "deeper/w": [3, 3, 6, 1], offset: [6], factor: [6], "dense/w": [33, 9], "dense/b": [9] },
    ...{ "embedding/w": [9, embeddingWidth], "embedding/b": [embeddingWidth] },
    ...{ "head/w": [embeddingWidth, imageClasses], "head/b": [imageClasses] },
  };
  const integers = { axes: [1, 2], shape: [-1, 24], axis: [1] };
  const constants = [...Object.keys(shapes), ...Object.keys(integers)].map((name) => node("Const", name, []));
  const same = { ...strides(1, 1), padding: text("SAME") };
  const nodes = [
    node("Placeholder", "where", [], { shape: shapeOf([-1, 3]) }),
    node("Placeholder", "what", [], { shape: shapeOf([-1, 8, 7, 2]) }),
    ...constants,
    node("Identity", "conv/w/read", ["conv/w"]),
    node("Conv2D", "conv", ["what", "conv/w/read"], { ...same, ...strides(2, 2) }),
    node("BiasAdd", "conv/BiasAdd", ["conv:0", "conv/b"]),
    node("Relu6", "conv/Relu6", ["conv/BiasAdd"]),
    node("_FusedConv2D", "fused", ["conv/Relu6", "fused/w", "fused/b"], { ...same, ...fused("BiasAdd", "Relu") }),
    node("FusedBatchNormV3", "norm", ["fused", "gamma", "beta", "moving_mean", "moving_variance"], {
      ...{ epsilon: { f: 0.01 }, is_training: { b: false } },
    }),
    node("FusedDepthwiseConv2dNative", "deep", ["norm", "deep/w", "deep/b"], { ...same, ...fused("BiasAdd", "Relu6") }),
    node("DepthwiseConv2dNative", "deeper", ["norm", "deeper/w"], same),
    node("AddV2", "sum", ["deep", "deeper", "^conv"]),
    node("Sub", "less", ["sum", "offset"]),
    node("Mul", "more", ["less", "factor"]),
    node("Tanh", "tanh", ["more"]),
    node("MaxPool", "pool", ["tanh"], { ...strides(2, 2), ksize: integersOf([1, 2, 2, 1]), padding: text("VALID") }),
    node("Mean", "mean", ["tanh", "axes"], { keep_dims: { b: false } }),
    node("Reshape", "flat", ["pool", "shape"]),
    node("ConcatV2", "concat", ["flat", "where", "mean", "axis"], { N: { i: "3" } }),
    node("MatMul", "dense", ["concat", "dense/w"], { transpose_a: { b: false }, transpose_b: { b: false } }),
    node("Add", "dense/Add", ["dense", "dense/b"]),
    node("Sigmoid", "dense/Sigmoid", ["dense/Add"]),
    node("Relu", "dense/Relu", ["dense/Sigmoid"]),
    node("_FusedMatMul", "embedding", ["dense/Relu", "embedding/w", "embedding/b"], fused("BiasAdd")),
    node("Identity", "embedding/Identity", ["embedding"]),
    node("MatMul", "head", ["embedding/Identity", "head/w"]),
    node("BiasAdd", "head/BiasAdd", ["head", "head/b"]),
    node("Softmax", "Softmax", ["head/BiasAdd"]),
    node("Identity", "Identity", ["Softmax"]),
  ];
  const topology = { node: nodes, library: {}, versions: { producer: 1 } };
  return network("tfjs-graph-model", "embedding/Identity:0", topology, shapes, integers, type);
}

interface Node {
  name: string;
  op: string;
  input?: string[];
  attr: Record<string, unknown>;
}

function node(op: string, name: string, input: string[], attr: Record<string, unknown> = {}): Node {
  return { name, op, ...(input.length > 0 ? { input } : {}), attr: { T: { type: "DT_FLOAT" }, ...attr } };
}

const text = (value: string) => ({ s: btoa(value) });
const integersOf = (values: number[]) => ({ list: { i: values.map(String) } });
const strides = (down: number, right: number) => ({
  strides: integersOf([1, down, right, 1]),
  dilations: integersOf([1, 1, 1, 1]),
});
const fused = (...names: string[]) => ({
  fused_ops: { list: { s: names.map((name) => btoa(name)) } },
  num_args: { i: "1" },
});
const shapeOf = (sizes: number[]) => ({ shape: { dim: sizes.map((size) => ({ size: String(size) })) } });

function network(
  kind: Backbone["kind"],
  tensor: string,
  modelTopology: object,
  shapes: Record<string, number[]>,
  integers: Record<string, number[]>,
  type: WeightType,
): ImageNetwork {
  const random = seeded(17);
  const stored = Object.entries(shapes).map(([name, shape]) => {
    const isVariance = name.endsWith("variance");
    const values = uniform(random, sizeOf(shape), isVariance ? 0.5 : -0.7, isVariance ? 2 : 0.7);
    const { bytes, quantization } = quantiseWeights(values, type);
    return { bytes, spec: { name, shape, dtype: "float32" as const, ...(quantization && { quantization }) } };
  });
  const whole = Object.entries(integers).map(([name, values]) => ({
    bytes: new Uint8Array(Int32Array.from(values).buffer),
    spec: { name, shape: name === "axis" ? [] : [values.length], dtype: "int32" as const },
  }));
  const all = [...stored, ...whole];
  const weightsManifest = [{ paths: ["group1-shard1of1.bin"], weights: all.map(({ spec }) => spec) }];
  const modelJson = { format: kind.replace("tfjs-", ""), modelTopology, weightsManifest };
  const bytes = Uint8Array.from(all.flatMap((one) => [...one.bytes]));
  const blob = { sha256: "0".repeat(64), bytes: 0 };
  return {
    spec: {
      kind,
      sha256: blob.sha256,
      topology: blob,
      shards: [blob],
      embedding: { tensor, width: embeddingWidth, step: 1 },
    },
    files: {
      topology: new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer,
      shards: [bytes.buffer],
    },
    values: all.reduce((sum, { spec }) => sum + sizeOf(spec.shape), 0),
    modelJson,
  };
}
