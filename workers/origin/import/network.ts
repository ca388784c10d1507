import * as tf from "@tensorflow/tfjs-core";
import type { Input } from "#core/contract/index.ts";
import { scoresOf, softmax } from "#core/head/head.ts";
import { inputShapes, sizeOf } from "#core/input/index.ts";
import { inputsInOrder } from "#core/model/backbone.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { seededRandom } from "../random.ts";
import type { WeightType } from "../recipes/index.ts";
import {
  type Blobs,
  type NetworkParts,
  type PackedNetwork,
  packParts,
  type StoredPart,
  storedPart,
} from "../train/pack.ts";
import { readFrom } from "../train/score.ts";
import { type CutNetwork, NoDenseEndError } from "./cut.ts";
import { readModelFiles, type TfjsModelFiles } from "./files.ts";
import { cutGraphModel } from "./graph.ts";
import { cutLayersModel } from "./layers.ts";
import { expanded } from "./values.ts";

const checkedRowsMax = 32;
/** Values of all checked rows together, which a large picture reaches with few of them. */
const checkedValues = 1e6;
/** Tolerance between the scores of the cut and the whole network: float32 sums differ in their order. */
const tolerance = 1e-4;

/**
 * Imports a network that was trained elsewhere, from the inputs to class scores or logits: a model.json (or its folder) in
 * TensorFlow.js's layers or graph format, or an ONNX model. The network is cut before its last dense layer, and the cut network on the
 * edge's engine is compared with the whole network in TensorFlow.js. Weights keep their stored type unless one is given.
 * Throws, with the reason, when the network cannot be imported.
 */
export async function importNetwork(
  path: string,
  input: Input,
  classes: number,
  blobs: Blobs,
  weightType?: WeightType,
): Promise<PackedNetwork> {
  await startBackend();
  const files = await readModelFiles(path, { pictures: input.kind === "image" });
  const cut = await cutModel(files, classes);
  try {
    if (!cut.parts.weights.some(({ spec }) => spec.dtype === "float32")) throw new NoDenseEndError("its only layer");
    const own: Blobs = new Map();
    const packed = await packParts(cut.parts, input, own);
    await checkCut(cut, packed, own);
    if (weightType === undefined) {
      for (const [sha256, bytes] of own) blobs.set(sha256, bytes);
      return packed;
    }
    return await packParts({ ...cut.parts, weights: stored(cut.parts.weights, weightType) }, input, blobs);
  } finally {
    cut.release();
  }
}

/**
 * Cuts a model before its last dense layer. Throws, with the reason, when it does not end in one with as many classes, or the
 * cut model scores otherwise than the whole one.
 */
export async function headAndBackbone(files: TfjsModelFiles, input: Input, classes: number): Promise<NetworkParts> {
  const cut = await cutModel(files, classes);
  try {
    const own: Blobs = new Map();
    await checkCut(cut, await packParts(cut.parts, input, own), own);
    return cut.parts;
  } finally {
    cut.release();
  }
}

function cutModel(files: TfjsModelFiles, classes: number): Promise<CutNetwork> {
  return (files.kind === "tfjs-graph-model" ? cutGraphModel : cutLayersModel)(files, classes);
}

async function checkCut(cut: CutNetwork, packed: PackedNetwork, blobs: Blobs): Promise<void> {
  const rule = { threshold: 0, strictest: 0, targetRisk: 0.5, delta: 0.5, certificate: null, uncertified: null };
  const { backbone, head } = await loadNetwork(servingEngine, { ...packed, rule }, readFrom(blobs));
  const shapes = inputShapes(packed.input);
  const random = seededRandom(1);
  const width = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  const checkedRows = Math.max(2, Math.min(checkedRowsMax, Math.floor(checkedValues / width)));
  const values = Float32Array.from({ length: checkedRows * width }, () => 2 * random() - 1);
  const embeddings = backbone.embed(values, checkedRows);
  backbone.release();
  const whole = scoresOfWhole(cut, shapes, values, checkedRows);
  for (let row = 0; row < checkedRows; row++) {
    const scores = scoresOf(head, embeddings, row * head.width);
    const off = scores.map((score, i) => Math.abs(score - (whole[row]?.[i] ?? Number.NaN)));
    if (off.every((difference) => difference < tolerance)) continue;
    throw new Error(
      `The edge cannot run this network: cut before its last layer it scores [${brief(scores)}], while the whole network ` +
        `scores [${brief(whole[row] ?? [])}].`,
    );
  }
}

// Without the batch; null when any size is accepted.
function shapeOf({ shape }: CutNetwork["inputs"][number]): number[] | null {
  const own = shape?.slice(1) ?? null;
  return own?.every((size) => size >= 0) ? own : null;
}

function scoresOfWhole(
  { inputs, run, activation }: CutNetwork,
  shapes: number[][],
  values: Float32Array,
  rows: number,
): number[][] {
  const result = tf.tidy(() => {
    const parts = tf.split(tf.tensor2d(values, [rows, values.length / rows]), shapes.map(sizeOf), 1);
    const order = inputsInOrder(inputs, shapes);
    const given = inputs.map((input) => {
      const i = order.indexOf(input);
      return tf.reshape(parts[i] as tf.Tensor, [rows, ...(shapeOf(input) ?? (shapes[i] as number[]))]);
    });
    return run(given).arraySync() as number[][];
  });
  switch (activation) {
    case "softmax":
      return result;
    case "sigmoid":
      return result.map(([p = Number.NaN]) => [1 - p, p]);
    case "linear":
      return result.map((logits) => [...softmax(Float64Array.from(logits.length === 1 ? [0, ...logits] : logits), 1)]);
  }
}

// Integer weights (shapes, axes) keep their type.
function stored(parts: readonly StoredPart[], type: WeightType): StoredPart[] {
  const values = expanded(parts);
  return parts.map((part) => {
    const { name, shape, dtype } = part.spec;
    if (dtype !== "float32") return part;
    return storedPart(name, shape, values.get(name)?.values as Float32Array, type);
  });
}

function brief(scores: ArrayLike<number>): string {
  return Array.from(scores, (score) => score.toFixed(4)).join(", ");
}
