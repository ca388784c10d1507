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

/** Returns the known elements as numbers; null when they are not known, or depend on the batch. */
export function numbersOf({ known, shape }: Value): ArrayLike<number> | null {
  if (!known) return null;
  const { data } = known;
  if (typeof data === "object" && !ArrayBuffer.isView(data)) {
    for (let i = 0; i < data.length; i++) if (!isKnown(data[i] as Dim)) return null;
  }
  if (!known.uniform) return data as ArrayLike<number>;
  if (!shape.every(isKnown)) return null;
  const size = (shape as number[]).reduce((a, b) => a * b, 1);
  return new Float64Array(size).fill(data[0] as number);
}

/** Returns a known list whose elements may depend on the batch, such as a shape; null when they are not known. */
export function dimsOf({ known, shape }: Value): Dim[] | null {
  if (!known) return null;
  const [length = 1] = shape;
  if (!known.uniform) return Array.from(known.data);
  return isKnown(length) ? Array.from({ length }, () => known.data[0] as Dim) : null;
}
