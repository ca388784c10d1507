import { type Dim, isKnown, numbers, product } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import { attr, type TfGraph } from "./tf-graph.ts";
import { identity, inverse, isIdentity, type Known, type Stored, type Value } from "./values.ts";

/**
 * Returns the node that holds a value with its axes permuted, in ONNX's order unless given. Known values are written as
 * constants, and values computed in another order are transposed, once each.
 */
export function at(g: TfGraph, value: Value, permutation: readonly number[] = identity(value.shape.length)): string {
  const key = permutation.join();
  const found = value.nodes.get(key);
  if (found !== undefined) return found;
  const made = value.known ? constantOf(g, value, permutation) : transposed(g, value, permutation);
  value.nodes.set(key, made);
  return made;
}

/** Returns a value's shape with its axes permuted. */
export function shapeAt({ shape }: Value, permutation: readonly number[]): Dim[] {
  return permutation.map((axis) => shape[axis] as Dim);
}

/** Adds a node that computes a value, with its axes in the order of ONNX unless given. */
export function computed(
  g: TfGraph,
  op: string,
  inputs: readonly string[],
  { dtype, shape, layout = identity(shape.length) }: Pick<Value, "dtype" | "shape"> & { layout?: readonly number[] },
  attributes: Parameters<TfGraph["node"]>[2] = {},
): Value {
  const node = g.node(op, inputs, { T: attr.type(dtype), ...attributes });
  return held(node, dtype, shape, layout);
}

/** Returns a value that a node holds. */
export function held(
  node: string,
  dtype: Value["dtype"],
  shape: readonly Dim[],
  layout: readonly number[] = identity(shape.length),
): Value {
  return { dtype, shape: [...shape], known: null, layout: [...layout], nodes: new Map([[layout.join(), node]]) };
}

/** Permutes known elements: axis i of the result is axis permutation[i]. */
export function permuted(shape: readonly number[], known: Known, permutation: readonly number[]): Known {
  if (known.uniform || isIdentity(permutation)) return known;
  const source = sourceOf(shape, permutation);
  const { data, stored } = known;
  return { data: picked(data, source), ...(stored && { stored: permutedStore(stored, source, permutation) }) };
}

function permutedStore(stored: Stored, source: Uint32Array, permutation: readonly number[]): Stored {
  if (stored.type !== "uint8") return stored;
  const { codes, by, ...rest } = stored;
  const own = Uint8Array.from(source, (i) => codes[i] as number);
  return { ...rest, codes: own, ...(by && { by: { ...by, axis: permutation.indexOf(by.axis) } }) };
}

// For each element of the permuted tensor, its place in the original.
function sourceOf(shape: readonly number[], permutation: readonly number[]): Uint32Array {
  const strides = stridesOf(shape);
  const own = permutation.map((axis) => shape[axis] as number);
  const steps = permutation.map((axis) => strides[axis] as number);
  const source = new Uint32Array(own.reduce((a, b) => a * b, 1));
  const index = own.map(() => 0);
  let from = 0;
  for (let i = 0; i < source.length; i++) {
    source[i] = from;
    for (let axis = own.length - 1; axis >= 0; axis--) {
      from += steps[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (own[axis] as number)) break;
      from -= (steps[axis] as number) * (own[axis] as number);
      index[axis] = 0;
    }
  }
  return source;
}

/** Returns how far apart neighbours on each axis lie in row-major order. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/** Picks elements by their places, in a list of the same kind. */
export function picked(data: ArrayLike<Dim>, places: ArrayLike<number>): ArrayLike<Dim> {
  if (data instanceof Float32Array) return Float32Array.from(places, (i) => data[i] as number);
  if (data instanceof Float64Array) return Float64Array.from(places, (i) => data[i] as number);
  return Array.from(places, (i) => data[i] as Dim);
}

/** Larger constants of equal elements are filled at run time instead of stored. */
const smallSize = 4096;

function constantOf(g: TfGraph, value: Value, permutation: readonly number[]): string {
  const { dtype, shape } = value;
  const known = value.known as Known;
  if (known.uniform) {
    const own = shapeAt(value, permutation);
    const element = known.data[0] as Dim;
    const size = product(own);
    if (isKnown(element) && isKnown(size) && size <= smallSize) {
      return g.constant(dtype, numbers(own, "its shape"), new Float64Array(size).fill(element));
    }
    if (!isKnown(element)) return g.node("Fill", [g.dims(own), g.dims([element])], { T: attr.type(dtype) });
    const filling = g.constant(dtype, [], [element]);
    return g.node("Fill", [g.dims(own), filling], { T: attr.type(dtype) });
  }
  if (!shape.every(isKnown)) throw new OnnxError("a constant's shape depends on the batch");
  const { data, stored } = permuted(shape as number[], known, permutation);
  const own = permutation.map((axis) => shape[axis] as number);
  if (Array.prototype.every.call(data, isKnown)) return g.constant(dtype, own, data as ArrayLike<number>, stored);
  const list = g.dims(Array.from(data));
  if (own.length === 1) return list;
  return g.node("Reshape", [list, g.ints(own)], { T: attr.type(dtype) });
}

function transposed(g: TfGraph, value: Value, permutation: readonly number[]): string {
  const { layout, dtype, nodes } = value;
  const from = nodes.get(layout.join()) as string;
  const own = inverse(layout);
  // Axis j of the result is axis permutation[j] of the tensor, which is axis own[…] of the node.
  const perm = permutation.map((axis) => own[axis] as number);
  const T = attr.type(dtype);
  if (isIdentity(perm)) return from;
  // Only axes of one element move: the order of the elements stays.
  const stored = shapeAt(value, layout);
  const moving = perm.filter((axis) => stored[axis] !== 1);
  if (moving.every((axis, i) => i === 0 || axis > (moving[i - 1] as number))) {
    return g.node("Reshape", [from, reshapeTo(g, shapeAt(value, permutation))], { T });
  }
  return g.node("Transpose", [from, g.ints(perm)], { T });
}

/** Adds the shape for a Reshape: one size that depends on the batch follows from the number of elements. */
export function reshapeTo(g: TfGraph, shape: readonly Dim[]): string {
  const open = shape.filter((dim) => !isKnown(dim));
  if (open.length > 1 || shape.includes(0)) return g.dims(shape);
  return g.ints(shape.map((dim) => (isKnown(dim) ? dim : -1)));
}
