import * as tf from "@tensorflow/tfjs-core";
import type { TensorSpec } from "#core/contract/index.ts";
import type { LoadedModel, Tensor, TensorInfo } from "#core/model/engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { isTrap, restartBackend } from "./check/backends.ts";
import { openModel } from "./check/engine-model.ts";
import { inputRanges, type Ranges } from "./check/input-ranges.ts";
import { firstFailure } from "./check/locate.ts";
import { openPlain } from "./check/open-plain.ts";
import { byTensor, randomInputs } from "./check/random-inputs.ts";
import { embeddingOf } from "./embedding.ts";
import type { TfjsModelFiles } from "./files.ts";
import { equalNames, refusedInputs, refusedOutputs } from "./refused/ends.ts";
import { firstSentence, notesOnLayers, unmadeLayers } from "./refused/layers.ts";
import { missingKernels, operationsOf, refusedOperations } from "./refused/operations.ts";
import type { Refusal } from "./refused/refusal.ts";
import { signatureOf } from "./signature.ts";

/** A description of a model, found by reading it and by running it on the edge's engine. */
export interface Inspection {
  kind: TfjsModelFiles["kind"];
  operations: Record<string, number>;
  /** What the edge cannot run; when there is any, the fields below are not known. */
  unsupported: Refusal[];
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  /** What is no reason to refuse it, but worth knowing. */
  notes: string[];
  /** The values that random inputs are drawn from, by tensor. */
  ranges: Ranges;
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
 * Inspects a model: inputs, outputs, cost, and what the edge cannot run.
 * @param shapes shapes, without the batch, of inputs whose model leaves them open
 */
export async function inspect(files: TfjsModelFiles, shapes: Record<string, number[]> = {}): Promise<Inspection> {
  await startBackend();
  const { kind, values } = files;
  const refuse = (unsupported: Refusal[]): Inspection => ({
    ...{ kind, operations: Object.fromEntries(operationsOf(files)), unsupported },
    ...{ inputs: [], outputs: [], ranges: {}, notes: [], batch: false },
    ...{ bytes: { weights: values.byteLength, expanded: 0, peak: 0 }, embedding: null },
  });
  const refused = refusedOperations(files);
  if (refused.length > 0) return refuse(refused);
  const loaded = await load(files);
  if (Array.isArray(loaded)) return refuse(loaded);
  const model = loaded;
  try {
    const nameOf = ({ name }: TensorInfo) => signatureOf(files, "inputs").get(name) ?? name;
    const wrong = refusedInputs(model.inputs.map((info) => ({ ...info, name: nameOf(info) })));
    if (wrong.length > 0) return refuse(wrong);
    const inputs = model.inputs.map((info) => specOf(info, files, shapes));
    const equal = equalNames("Input", inputs);
    if (equal.length > 0) return refuse(equal);
    const tensors = model.outputs.map(({ name }) => name);
    const ranges = await inputRanges(files, inputs);
    const one = randomInputs(inputs, 1, { ranges });
    const failing = await failures(files, model, inputs, one, tensors);
    if (failing.length > 0) return refuse(failing);
    const { peakBytes } = await tf.profile(() => {
      model.run(byTensor(inputs, one), tensors);
      return [];
    });
    const alone = model.run(byTensor(inputs, one), tensors);
    const batch = takesBatches(model, inputs, tensors, ranges);
    const outputs = model.outputs.map((info, i) => outputOf(info, files, alone[i] as Tensor, batch));
    const unclear = refusedOutputs(outputs, alone);
    if (unclear.length > 0) return refuse(unclear);
    const bytes = { weights: values.byteLength, expanded: model.bytes, peak: peakBytes };
    const embedding = await embeddingOf(files);
    const operations = Object.fromEntries(operationsOf(files));
    const notes = kind === "tfjs-layers-model" ? notesOnLayers(files.modelJson.modelTopology) : [];
    return { kind, operations, unsupported: [], inputs, outputs, ranges, notes, batch, bytes, embedding };
  } finally {
    model.release();
  }
}

/** Measures the median milliseconds of an inspected model for one instance, in Node on this machine. */
export async function timeHere(files: TfjsModelFiles, { inputs, outputs, ranges }: Inspection): Promise<number> {
  const model = await openModel(files);
  const given = byTensor(inputs, randomInputs(inputs, 1, { ranges }));
  const tensors = outputs.map(({ tensor }) => tensor);
  try {
    const taken = Array.from({ length: timedRuns + 1 }, () => {
      const startedAt = performance.now();
      model.run(given, tensors);
      return performance.now() - startedAt;
    });
    // The first run is a warm-up.
    return taken.slice(1).sort((a, b) => a - b)[timedRuns >> 1] as number;
  } finally {
    model.release();
  }
}

// Loads a model, or finds the layers that it cannot be loaded for.
async function load(files: TfjsModelFiles): Promise<LoadedModel | Refusal[]> {
  try {
    return await openModel(files);
  } catch (error) {
    const unmade = files.kind === "tfjs-layers-model" ? await unmadeLayers(files.modelJson.modelTopology) : [];
    if (unmade.length > 0) return unmade;
    throw error;
  }
}

// Only when a run fails is it searched where, and which kernels are missing.
async function failures(
  files: TfjsModelFiles,
  model: LoadedModel,
  inputs: readonly TensorSpec[],
  one: Record<string, Tensor>,
  tensors: readonly string[],
): Promise<Refusal[]> {
  try {
    model.run(byTensor(inputs, one), tensors);
    return [];
  } catch (error) {
    if (isTrap(error)) await restartBackend();
    const first = await firstFailure(
      files,
      tensors,
      inputs.map(({ name }) => one[name] as Tensor),
    );
    if (!first) throw error;
    const advice = adviceFor(first.reason);
    const found = { operation: first.operation, reason: firstSentence(first.reason), advice, where: [first.name] };
    if (!first.reason.includes("not registered")) return [found];
    const plain = await openPlain(files, tensors);
    const missing = await missingKernels(files, () => void plain.run(inputs.map(({ name }) => one[name] as Tensor)));
    plain.release();
    // A layer's kernels have other names than the layer.
    return missing.map((one) => (one.where.length > 0 ? one : { ...one, where: [first.name] }));
  }
}

function adviceFor(reason: string): string {
  if (/non-float32|dtype|int32|bool/.test(reason)) {
    return "cast its inputs to float32 in the model, and export it again";
  }
  if (/mask/.test(reason))
    return "build the model without masks (mask_zero=False, no Masking layer), and export it again";
  return "replace it in the model and export it again, or serve the model at the origin";
}

function specOf(
  { name: tensor, shape, dtype }: TensorInfo,
  files: TfjsModelFiles,
  shapes: Record<string, number[]>,
): TensorSpec {
  const name = signatureOf(files, "inputs").get(tensor) ?? tensor;
  const own = shapes[name] ?? shape?.slice(1);
  if (own?.every((size) => size > 0)) return { name, tensor, shape: own, dtype };
  throw new Error(
    `Input '${name}' leaves its shape open${shape ? ` ([${shape.slice(1)}])` : ""}. Set it with ` +
      `--shape ${name}=height,width,channels, with as many sizes as the input has.`,
  );
}

/** Checks whether two instances in a batch have the same outputs as each alone. */
function takesBatches(
  model: LoadedModel,
  inputs: readonly TensorSpec[],
  tensors: readonly string[],
  ranges: Ranges,
): boolean {
  if (model.inputs.some(({ shape }) => shape?.[0] !== undefined && shape[0] > 0)) return false;
  const two = randomInputs(inputs, 2, { ranges });
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
