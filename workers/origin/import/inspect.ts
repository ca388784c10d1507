import * as tf from "@tensorflow/tfjs-core";
import type { TensorSpec } from "#core/contract/index.ts";
import type { Engine, LoadedModel, Tensor, TensorInfo } from "#core/model/engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { embeddingOf } from "./embedding.ts";
import type { TfjsModelFiles } from "./files.ts";
import { checkNames } from "./names.ts";
import { missingKernels, operationsOf, type Unsupported, unknownOperations } from "./operations.ts";
import { byTensor, randomInputs } from "./random-inputs.ts";
import { signatureOf } from "./signature.ts";

/** A description of a model, found by reading it and by running it on the edge's engine. */
export interface Inspection {
  kind: TfjsModelFiles["kind"];
  operations: Record<string, number>;
  /** Operations that the edge cannot run; when there are any, the fields below are not known. */
  unsupported: Unsupported[];
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  /** Whether it takes batches of instances. */
  batch: boolean;
  bytes: {
    /** As stored, and expanded to float32 in memory. */
    weights: number;
    expanded: number;
    /** The peak of its tensors while one instance is answered. */
    peak: number;
  };
  /** The input of the last dense layer, which a head can be trained on; null when there is no such layer. */
  embedding: { tensor: string; width: number } | null;
}

const timedRuns = 21;
/** Tolerance between an instance's outputs alone and in a batch: float32 sums differ in their order. */
const tolerance = 1e-4;

/**
 * Inspects a model: inputs, outputs, cost, and the operations that the edge cannot run.
 * @param shapes shapes, without the batch, of inputs whose model leaves them open
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
    checkNames("input", inputs);
    checkNames("output", outputs);
    const bytes = { weights: values.byteLength, expanded: model.bytes, peak: peakBytes };
    const embedding = await embeddingOf(files);
    return { kind, operations, unsupported: [], inputs, outputs, batch, bytes, embedding };
  } finally {
    model.release();
  }
}

/** Measures the median milliseconds of an inspected model for one instance, in Node on this machine. */
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
  // The first run is a warm-up.
  return taken.slice(1).sort((a, b) => a - b)[timedRuns >> 1] as number;
}

async function load(engine: Engine, { kind, modelJson, values }: TfjsModelFiles): Promise<LoadedModel> {
  const topology = new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer;
  return engine.load(kind, { topology, shards: [values] });
}

// Only when a run fails for a missing kernel are all missing kernels searched.
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
    `Input '${name}' leaves its shape open${shape ? ` ([${shape.slice(1)}])` : ""}. Set it with ` +
      `--shape ${name}=height,width,channels, with as many sizes as the input has.`,
  );
}

/** Checks whether two instances in a batch have the same outputs as each alone. */
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
    // A model whose shapes do not allow a batch throws.
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

// For a model without batches only the shape of one output is known: a first dimension of 1 is the batch.
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
