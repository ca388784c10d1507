import * as tf from "@tensorflow/tfjs-core";
import type { TensorSpec } from "#core/contract/index.ts";
import { sizeOf } from "#core/input/index.ts";
import type { Engine, LoadedModel, Tensor, TensorInfo } from "#core/model/engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { seededRandom } from "../random.ts";
import { embeddingOf } from "./embedding.ts";
import type { TfjsModelFiles } from "./files.ts";
import { missingKernels, operationsOf, type Unsupported, unknownOperations } from "./operations.ts";
import { signatureOf } from "./signature.ts";

/** What a model is, found by reading it and by running it here on the edge's own engine. */
export interface Inspection {
  kind: TfjsModelFiles["kind"];
  operations: Record<string, number>;
  /** Empty where the edge can run it; the rest is not known then. */
  unsupported: Unsupported[];
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  /** Whether it takes many instances at once. */
  batch: boolean;
  bytes: {
    /** As stored, and in memory as float32. */
    weights: number;
    expanded: number;
    /** The most that its tensors take while one instance is answered. */
    peak: number;
  };
  /** The tensor before the last dense layer: what a head could be taught on; null where it does not end so. */
  embedding: { tensor: string; width: number } | null;
}

const seed = 1;
const timedRuns = 21;
/** How far two answers to one instance may be apart, alone and in a batch: orders of float32 sums. */
const tolerance = 1e-4;

/**
 * Inspects a model: what it takes and gives, what it costs, and what of it the edge can't run.
 * @param shapes the shapes, without the batch, of inputs that leave theirs open
 */
export async function inspect(files: TfjsModelFiles, shapes: Record<string, number[]> = {}): Promise<Inspection> {
  await startBackend();
  const engine = await tfjsEngine();
  const { kind, values } = files;
  const operations = Object.fromEntries(operationsOf(files));
  const none = {
    inputs: [],
    outputs: [],
    batch: false,
    bytes: { weights: values.byteLength, expanded: 0, peak: 0 },
    embedding: null,
  };
  const unknown = unknownOperations(files);
  if (unknown.length > 0) return { kind, operations, unsupported: unknown, ...none };
  const model = await load(engine, files);
  try {
    const inputs = model.inputs.map((info) => specOf(info, files, "inputs", shapes));
    const tensors = model.outputs.map(({ name }) => name);
    const one = randomInputs(inputs, 1);
    const missing = await kernelsMissing(files, engine, one, tensors);
    if (missing.length > 0) return { kind, operations, unsupported: missing, ...none };
    const { peakBytes } = await tf.profile(() => {
      model.run(byTensor(inputs, one), tensors);
      return [];
    });
    const alone = model.run(byTensor(inputs, one), tensors);
    const batch = takesBatches(model, inputs, tensors);
    const outputs = model.outputs.map((info, i) => outputOf(info, files, alone[i] as Tensor, batch));
    const bytes = { weights: values.byteLength, expanded: model.bytes, peak: peakBytes };
    const embedding = await embeddingOf(files);
    return { kind, operations, unsupported: [], inputs, outputs, batch, bytes, embedding };
  } finally {
    model.release();
  }
}

/** Random values for a model's inputs, the same each time: numbers from −1 to 1, integers from 0 to 3, truth values. */
export function randomInputs(inputs: readonly TensorSpec[], rows: number, from = seed): Record<string, Tensor> {
  const random = seededRandom(from);
  const values = inputs.map(({ name, shape, dtype }): [string, Tensor] => {
    const own = [rows, ...shape];
    const value = {
      float32: () => 2 * random() - 1,
      int32: () => Math.floor(4 * random()),
      bool: () => Math.round(random()),
    };
    const all = Float32Array.from({ length: sizeOf(own) }, value[dtype]);
    return [name, { shape: own, values: dtype === "float32" ? all : Int32Array.from(all) }];
  });
  return Object.fromEntries(values);
}

/** Milliseconds that an inspected model takes here, in Node, for one instance: the median of some runs. */
export async function timeHere(files: TfjsModelFiles, { inputs, outputs }: Inspection): Promise<number> {
  const model = await load(await tfjsEngine(), files);
  const given = byTensor(inputs, randomInputs(inputs, 1));
  const tensors = outputs.map(({ tensor }) => tensor);
  const taken = Array.from({ length: timedRuns + 1 }, () => {
    const startedAt = performance.now();
    model.run(given, tensors);
    return performance.now() - startedAt;
  });
  model.release();
  // The first run warms it up.
  return taken.slice(1).sort((a, b) => a - b)[timedRuns >> 1] as number;
}

/** Inputs by the names that the model itself has for them. */
export function byTensor(inputs: readonly TensorSpec[], values: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(inputs.map(({ name, tensor }) => [tensor, values[name] as Tensor]));
}

async function load(engine: Engine, { kind, modelJson, values }: TfjsModelFiles): Promise<LoadedModel> {
  const topology = new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer;
  return engine.load(kind, { topology, shards: [values] });
}

// A first run finds out; only where a kernel is missing are all of them looked for.
async function kernelsMissing(
  files: TfjsModelFiles,
  engine: Engine,
  inputs: Record<string, Tensor>,
  tensors: readonly string[],
): Promise<Unsupported[]> {
  const run = async () => {
    const model = await load(engine, files);
    try {
      model.run(inputs, tensors);
    } finally {
      model.release();
    }
  };
  try {
    await run();
    return [];
  } catch (error) {
    if (!String(error).includes("not registered")) throw error;
    return missingKernels(files, run);
  }
}

function specOf(
  { name: tensor, shape, dtype }: TensorInfo,
  files: TfjsModelFiles,
  side: "inputs" | "outputs",
  shapes: Record<string, number[]>,
): TensorSpec {
  const name = signatureOf(files, side).get(tensor) ?? tensor;
  const own = shapes[name] ?? shape?.slice(1);
  if (own?.every((size) => size > 0)) return { name, tensor, shape: own, dtype };
  throw new Error(
    `Error in import: input '${name}' leaves its shape open${shape ? ` ([${shape.slice(1)}])` : ""}; say which it is ` +
      `to have: --shape ${name}=height,width,channels, or as many sizes as it takes.`,
  );
}

/** Whether two rows are answered at once as each alone is. */
function takesBatches(model: LoadedModel, inputs: readonly TensorSpec[], tensors: readonly string[]): boolean {
  if (model.inputs.some(({ shape }) => shape?.[0] !== undefined && shape[0] > 0)) return false;
  const two = randomInputs(inputs, 2);
  try {
    const both = model.run(byTensor(inputs, two), tensors);
    return [0, 1].every((row) => {
      const alone = model.run(byTensor(inputs, rowOf(two, row)), tensors);
      return both.every((output, i) => isRow(output, row, alone[i] as Tensor));
    });
  } catch {
    return false;
  }
}

function isRow(both: Tensor, row: number, alone: Tensor): boolean {
  if (both.shape[0] !== 2 || alone.shape[0] !== 1) return false;
  const size = both.values.length / 2;
  return alone.values.every((value, i) => {
    const other = both.values[row * size + i] as number;
    return Object.is(value, other) || Math.abs(value - other) <= tolerance * Math.max(1, Math.abs(value));
  });
}

function rowOf(inputs: Record<string, Tensor>, row: number): Record<string, Tensor> {
  const own = Object.entries(inputs).map(([name, { shape, values }]): [string, Tensor] => {
    const size = values.length / (shape[0] as number);
    return [name, { shape: [1, ...shape.slice(1)], values: values.subarray(row * size, (row + 1) * size) }];
  });
  return Object.fromEntries(own);
}

// Only the shape that came is known of what takes one instance at a time: its first dimension, if 1, is the batch.
function outputOf(
  { name: tensor }: TensorInfo,
  files: TfjsModelFiles,
  { shape, values }: Tensor,
  batch: boolean,
): TensorSpec {
  const name = signatureOf(files, "outputs").get(tensor) ?? tensor;
  return { name, tensor, shape: batch || shape[0] === 1 ? shape.slice(1) : shape, dtype: typeOf(values) };
}

function typeOf(values: Tensor["values"]): TensorSpec["dtype"] {
  if (values instanceof Float32Array) return "float32";
  return values instanceof Int32Array ? "int32" : "bool";
}
