import type { Dim } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import type { AttributeProto, NodeProto } from "./messages.ts";
import type { TfGraph } from "./tf-graph.ts";
import { dimsOf, numbersOf, type Value } from "./values.ts";

/** A node of the ONNX graph with its inputs, while it is converted. */
export interface Call {
  g: TfGraph;
  node: NodeProto;
  /** The version of the operators that the model was written for. */
  opset: number;
  /** Null where an optional input is left out. */
  inputs: (Value | null)[];
  /** Reads a tensor among the attributes. */
  tensor(name: string): Value | null;
  /** The batch normalisation that follows a convolution and is folded into it. */
  normalised: Normalisation | null;
  /** Whether only a bias and an activation follow: a head may be cut off here. */
  isLast: boolean;
}

/** What a batch normalisation multiplies each channel by, and then adds. */
export interface Normalisation {
  factor: Value;
  offset: Value;
}

/** Converts a node; returns its outputs in order, of which it may leave out the last ones. */
export type Convert = (call: Call) => Value | Value[];

/** Returns an input. Throws, with its name in the specification, when the node does not have it. */
export function input({ inputs, node }: Call, i: number, name: string): Value {
  const found = inputs[i];
  if (found) return found;
  throw new OnnxError(`${node.opType} needs its input '${name}'. The file is damaged: export the model again`);
}

/** Returns the elements of an input that have to be known when the model is converted, as numbers. */
export function numbersIn(call: Call, i: number, name: string): number[] | null {
  const value = call.inputs[i];
  if (!value) return null;
  const found = numbersOf(value);
  if (found) return Array.from(found);
  throw new OnnxError(`its input '${name}' is computed at run time, and has to be a constant`);
}

/** Returns a list of sizes, which may depend on the batch but on nothing else that is known at run time only. */
export function dimsIn(call: Call, i: number, name: string): Dim[] | null {
  const value = call.inputs[i];
  if (!value) return null;
  const found = dimsOf(value);
  if (found) return found;
  throw new OnnxError(
    `its input '${name}' is computed at run time from values; only shapes that follow from the inputs' shapes are possible`,
  );
}

function attribute({ node }: Call, name: string): AttributeProto | undefined {
  return node.attribute.find((one) => one.name === name);
}

export function hasAttribute(call: Call, name: string): boolean {
  return attribute(call, name) !== undefined;
}

// Protobuf leaves out zeros: an attribute that is there without a value is zero.
export function int(call: Call, name: string, otherwise: number): number {
  const found = attribute(call, name);
  return found ? (found.i ?? 0) : otherwise;
}

export function float(call: Call, name: string, otherwise: number): number {
  const found = attribute(call, name);
  return found ? (found.f ?? 0) : otherwise;
}

export function ints(call: Call, name: string): number[] | null {
  return attribute(call, name)?.ints ?? null;
}

export function floats(call: Call, name: string): number[] | null {
  return attribute(call, name)?.floats ?? null;
}

export function text(call: Call, name: string, otherwise: string): string {
  return attribute(call, name)?.s ?? otherwise;
}

export function texts(call: Call, name: string): string[] | null {
  return attribute(call, name)?.strings ?? null;
}

export function graphBytes(call: Call, name: string): Uint8Array | null {
  return attribute(call, name)?.g ?? null;
}

/** Returns a list that older operators have as an attribute and newer ones as an input; null when it is left out. */
export function listOf(call: Call, name: string, i: number): number[] | null {
  return ints(call, name) ?? numbersIn(call, i, name);
}

/** Returns an axis counted from the front. Throws when the tensor does not have it. */
export function axisOf(axis: number, rank: number): number {
  const own = axis < 0 ? axis + rank : axis;
  if (own >= 0 && own < rank) return own;
  throw new OnnxError(`it names axis ${axis} of a tensor of ${rank} dimensions`);
}

/** Throws when an attribute has another value than the only one that is supported. */
export function only(call: Call, name: string, expected: number): void {
  const found = int(call, name, expected);
  if (found !== expected)
    throw new OnnxError(`${call.node.opType} with ${name}=${found} is not supported; ${expected} is`);
}
