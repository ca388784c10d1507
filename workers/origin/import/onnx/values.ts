import { type Dim, isKnown } from "./dims.ts";

export type DType = "float32" | "int32" | "bool";

/** How known numbers are stored, where that takes fewer bytes than float32. */
export type Stored =
  | { type: "float16" }
  /** Each number is codes · scale + min; with `by`, times the factor of its index on an axis. */
  | { type: "uint8"; codes: Uint8Array; scale: number; min: number; by?: { axis: number; factors: Float32Array } };

/** Elements that are known when the model is converted, in row-major order. */
export interface Known {
  data: ArrayLike<Dim>;
  stored?: Stored | undefined;
  /** All elements equal the first, of which alone `data` consists. */
  uniform?: boolean;
  /** The smallest and the largest number of an integer type of 8 or 16 bits. */
  limits?: readonly [number, number] | undefined;
}

/**
 * A tensor of the model that is converted. Its shape and its known elements are in ONNX's order of axes; the graph's nodes
 * may hold it with permuted axes, such as with the channels last.
 */
export interface Value {
  dtype: DType;
  shape: Dim[];
  known: Known | null;
  /** The permutation in which it was computed: axis i of the node is axis layout[i] of the tensor. */
  layout: number[];
  /** The nodes that hold it, by permutation. */
  nodes: Map<string, string>;
}

/** Creates a value whose elements are known. */
export function knownValue(
  dtype: DType,
  shape: readonly Dim[],
  data: ArrayLike<Dim>,
  more: Omit<Known, "data"> = {},
): Value {
  return { dtype, shape: [...shape], known: { data, ...more }, layout: identity(shape.length), nodes: new Map() };
}

export function identity(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => i);
}

/** The permutation with the channels, axis 1 of ONNX's images and signals, last. */
export function channelsLast(rank: number): number[] {
  return [0, ...identity(rank).slice(2), 1];
}

export function inverse(permutation: readonly number[]): number[] {
  return permutation.map((_, i) => permutation.indexOf(i));
}

export function isIdentity(permutation: readonly number[]): boolean {
  return permutation.every((axis, i) => axis === i);
}

/** Returns the known elements, written out; null when they are not known, or their number depends on the batch. */
export function elementsOf({ known, shape }: Value): ArrayLike<Dim> | null {
  if (!known) return null;
  if (!known.uniform) return known.data;
  if (!shape.every(isKnown)) return null;
  const length = (shape as number[]).reduce((a, b) => a * b, 1);
  return Array(length).fill(known.data[0]) as Dim[];
}

/** Returns the known elements as numbers; null when they are not known, or depend on the batch. */
export function numbersOf(value: Value): ArrayLike<number> | null {
  const found = elementsOf(value);
  if (!found) return null;
  // Typed arrays hold numbers alone.
  if (ArrayBuffer.isView(found) || Array.prototype.every.call(found, isKnown)) return found as ArrayLike<number>;
  return null;
}

/** Returns a known list whose elements may depend on the batch, such as a shape; null when it is not known. */
export function dimsOf(value: Value): Dim[] | null {
  const found = elementsOf(value);
  return found && Array.from(found);
}
