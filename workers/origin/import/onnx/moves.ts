import { type Dim, isKnown, numbers, product, quotient, same, sum, textOf } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import { at, computed, permuted, picked, reshapeTo, shapeAt, stridesOf } from "./layout.ts";
import type { TfGraph } from "./tf-graph.ts";
import { attr } from "./tf-graph.ts";
import { elementsOf, identity, inverse, isIdentity, type Known, knownValue, numbersOf, type Value } from "./values.ts";

/** Arranges the elements in another shape. */
export function reshape(g: TfGraph, x: Value, shape: readonly Dim[]): Value {
  if (shape.length === x.shape.length && shape.every((dim, i) => same(dim, x.shape[i] as Dim))) return x;
  if (!same(product(shape), product(x.shape))) {
    throw new OnnxError(
      `it arranges ${textOf(x.shape)} as ${textOf(shape)}, which has another number of elements` +
        (isKnown(product(x.shape)) ? "" : ": a number of instances is fixed in the model. Export it with dynamic_axes"),
    );
  }
  if (x.known) {
    const { stored, ...known } = x.known;
    const plain = stored?.type === "uint8" && stored.by ? undefined : stored;
    return knownValue(x.dtype, shape, known.data, { ...known, ...(plain && { stored: plain }) });
  }
  return computed(g, "Reshape", [at(g, x), reshapeTo(g, shape)], { dtype: x.dtype, shape: [...shape] });
}

/** Replaces the one −1 of a shape by the size that follows from the number of elements. */
export function completed(x: Value, shape: readonly Dim[]): Dim[] {
  const others = product(shape.filter((dim) => dim !== -1));
  return shape.map((dim) => {
    if (dim !== -1) return dim;
    const size = others === 0 ? 0 : quotient(product(x.shape), others);
    if (size !== null) return size;
    throw new OnnxError(
      `it arranges ${textOf(x.shape)} as ${textOf(shape)}, which is not possible for every batch. Export the model with ` +
        "dynamic_axes for the first dimension of every input",
    );
  });
}

/** Permutes the axes: axis i of the result is axis permutation[i]. Nothing is moved until the elements are used. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  if (isIdentity(permutation)) return x;
  const shape = shapeAt(x, permutation);
  if (x.known?.uniform) return knownValue(x.dtype, shape, x.known.data, { uniform: true });
  if (x.known && x.shape.every(isKnown)) {
    const { data, stored } = permuted(x.shape as number[], x.known, permutation);
    return knownValue(x.dtype, shape, data, { stored });
  }
  const own = inverse(permutation);
  const moved = (layout: readonly number[]) => layout.map((axis) => own[axis] as number);
  const nodes = [...x.nodes].map(([key, node]): [string, string] => {
    return [moved(key.split(",").map(Number)).join(), node];
  });
  return { dtype: x.dtype, shape, known: null, layout: moved(x.layout), nodes: new Map(nodes) };
}

/** A part of an axis: every `step`-th element from `begin`, `size` in all. */
export interface Part {
  axis: number;
  begin: number;
  size: Dim;
  step?: number;
}

/** Takes parts of some axes. */
export function slice(g: TfGraph, x: Value, given: readonly Part[]): Value {
  const parts = given.filter(({ axis, begin, size, step = 1 }) => {
    return begin !== 0 || step !== 1 || !same(size, x.shape[axis] as Dim);
  });
  if (parts.length === 0) return x;
  const shape = x.shape.map((dim, axis) => parts.find((part) => part.axis === axis)?.size ?? dim);
  if (x.known) {
    if (x.known.uniform) return knownValue(x.dtype, shape, x.known.data, { uniform: true });
    const strides = stridesOf(numbers(x.shape, "its input's shape"));
    const places = placesIn(numbers(shape, "its part's shape"), (axis, i) => {
      const { begin = 0, step = 1 } = parts.find((part) => part.axis === axis) ?? {};
      return (begin + i * step) * (strides[axis] as number);
    });
    return knownValue(x.dtype, shape, picked(x.known.data, places));
  }
  return sliced(g, x, parts, shape);
}

function sliced(g: TfGraph, x: Value, parts: readonly Part[], shape: Dim[]): Value {
  const { layout, dtype } = x;
  const at_ = (axis: number) => parts.find((part) => part.axis === axis);
  const kept = { dtype, shape, layout };
  const node = at(g, x, layout);
  if (parts.every(({ step = 1 }) => step === 1)) {
    const begin = layout.map((axis) => at_(axis)?.begin ?? 0);
    const size = layout.map((axis) => {
      const part = at_(axis);
      if (!part) return -1;
      return isKnown(part.size) ? part.size : isToEnd(part, x.shape[axis] as Dim) ? -1 : part.size;
    });
    return computed(g, "Slice", [node, g.ints(begin), g.dims(size)], kept);
  }
  const steps = layout.map((axis) => at_(axis)?.step ?? 1);
  if (steps.some((step) => step < 0)) return reversed(g, x, parts);
  // The last element that is taken ends a part; whole axes are masked.
  const end = layout.map((axis) => {
    const part = at_(axis);
    return part ? part.begin + ((numbers([part.size], "the part")[0] as number) - 1) * (part.step ?? 1) + 1 : 0;
  });
  const mask = layout.reduce((bits, axis, i) => (at_(axis) ? bits : bits | (1 << i)), 0);
  const begin = layout.map((axis) => at_(axis)?.begin ?? 0);
  return computed(g, "StridedSlice", [node, g.ints(begin), g.ints(end), g.ints(steps)], kept, {
    begin_mask: attr.int(mask),
    end_mask: attr.int(mask),
  });
}

function isToEnd({ begin, size }: Part, whole: Dim): boolean {
  return same(sum(begin, size), whole);
}

// Reverses the axes with a negative step, then takes the parts from the other end.
function reversed(g: TfGraph, x: Value, parts: readonly Part[]): Value {
  const back = parts.filter(({ step = 1 }) => step < 0);
  const axes = back.map(({ axis }) => x.layout.indexOf(axis));
  const turned = computed(g, "ReverseV2", [at(g, x, x.layout), g.ints(axes)], x);
  const own = parts.map((part): Part => {
    if (!back.includes(part)) return part;
    const [length] = numbers([x.shape[part.axis] as Dim], "an axis that is reversed") as [number];
    return { ...part, begin: length - 1 - part.begin, step: -(part.step ?? 1) };
  });
  return slice(g, turned, own);
}

/** Lists places in row-major order; each axis adds what its index stands for. */
function placesIn(shape: readonly number[], add: (axis: number, i: number) => number): Uint32Array {
  const strides = stridesOf(shape);
  return Uint32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
    return strides.reduce((place, stride, axis) => {
      return place + add(axis, Math.floor(i / stride) % (shape[axis] as number));
    }, 0);
  });
}

/** Puts values one after another along an axis. */
export function concat(g: TfGraph, values: readonly Value[], axis: number): Value {
  const [first] = values as [Value];
  if (values.length === 1) return first;
  const rank = first.shape.length;
  const along = values.reduce<Dim>((total, { shape }) => sum(total, shape[axis] as Dim), 0);
  const shape = first.shape.map((dim, i) => (i === axis ? along : dim));
  const folded = concatOfKnown(values, axis, shape);
  if (folded) return folded;
  const layout = values.find(({ layout: own }) => !isIdentity(own))?.layout ?? identity(rank);
  const nodes = values.map((value) => at(g, value, layout));
  return computed(
    g,
    "ConcatV2",
    [...nodes, g.int(layout.indexOf(axis))],
    { dtype: first.dtype, shape, layout },
    { N: attr.int(nodes.length) },
  );
}

function concatOfKnown(values: readonly Value[], axis: number, shape: Dim[]): Value | null {
  const { dtype } = values[0] as Value;
  if (!values.every(({ known, shape: own }) => known && own.every(isKnown))) return null;
  const lists = values.map(elementsOf);
  if (lists.includes(null)) return null;
  const outer = product(shape.slice(0, axis)) as number;
  const parts = values.map(({ shape: own }) => product(own.slice(axis)) as number);
  const data: Dim[] = [];
  for (let row = 0; row < outer; row++) {
    lists.forEach((list, i) => {
      const size = parts[i] as number;
      for (let j = 0; j < size; j++) data.push((list as ArrayLike<Dim>)[row * size + j] as Dim);
    });
  }
  return knownValue(dtype, shape, dtype === "float32" ? Float32Array.from(data as number[]) : data);
}

/** Takes elements of an axis by their indices. */
export function gather(g: TfGraph, x: Value, indices: Value, axis: number): Value {
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const size = x.shape[axis] as Dim;
  const list = numbersOf(indices);
  const own = list && Array.from(list, (i) => (i < 0 && isKnown(size) ? i + size : i));
  if (own && isKnown(size)) {
    const wrong = own.find((i) => !(i >= 0 && i < size));
    if (wrong !== undefined) throw new OnnxError(`it takes element ${wrong} of an axis of ${size}`);
  }
  if (own && own.length === 1 && (own[0] as number) >= 0) {
    // A part instead of a list: the layout stays until the axis is dropped.
    return reshape(g, slice(g, x, [{ axis, begin: own[0] as number, size: 1 }]), shape);
  }
  if (own && x.known && x.shape.every(isKnown) && !x.known.uniform) {
    const strides = stridesOf(x.shape);
    const flat = [...x.shape.slice(0, axis), own.length, ...x.shape.slice(axis + 1)] as number[];
    const places = placesIn(flat, (a, i) => (a === axis ? (own[i] as number) : i) * (strides[a] as number));
    return knownValue(x.dtype, shape, picked((x.known as Known).data, places));
  }
  const at_ = own ? g.constant("int32", numbers(indices.shape, "the indices"), own) : at(g, indices);
  const node = [at(g, x), at_, g.int(axis)];
  return computed(g, "GatherV2", node, { dtype: x.dtype, shape }, { batch_dims: attr.int(0) });
}

/** Adds elements of one value around each axis: [before, after] by axis. */
export function pad(g: TfGraph, x: Value, pads: ReadonlyMap<number, readonly [number, number]>, value: number): Value {
  const around = (axis: number) => pads.get(axis) ?? [0, 0];
  if ([...pads.values()].every(([before, after]) => before === 0 && after === 0)) return x;
  const shape = x.shape.map((dim, axis) => sum(dim, around(axis)[0] + around(axis)[1]));
  const { layout, dtype } = x;
  const list = layout.flatMap((axis) => around(axis));
  const paddings = g.constant("int32", [layout.length, 2], list);
  const inputs = [at(g, x, layout), paddings, g.constant(dtype, [], [value])];
  return computed(g, "PadV2", inputs, { dtype, shape, layout });
}

/** Adds an axis of one element before `axis`; the layout of the others stays. */
export function unsqueezed(g: TfGraph, x: Value, axis: number): Value {
  const shape = [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)];
  if (x.known || isIdentity(x.layout)) return reshape(g, x, shape);
  const moved = x.layout.map((one) => (one >= axis ? one + 1 : one));
  const at_ = moved.indexOf(axis + 1);
  const layout = at_ < 0 ? [...moved, axis] : [...moved.slice(0, at_), axis, ...moved.slice(at_)];
  return arrangedAs(g, x, shape, layout);
}

/** Drops an axis of one element; the layout of the others stays. */
export function squeezed(g: TfGraph, x: Value, axis: number): Value {
  const shape = x.shape.filter((_, i) => i !== axis);
  if (x.known || isIdentity(x.layout)) return reshape(g, x, shape);
  const layout = x.layout.filter((one) => one !== axis).map((one) => (one > axis ? one - 1 : one));
  return arrangedAs(g, x, shape, layout);
}

function arrangedAs(g: TfGraph, x: Value, shape: Dim[], layout: number[]): Value {
  const own = layout.map((axis) => shape[axis] as Dim);
  return computed(g, "Reshape", [at(g, x, x.layout), reshapeTo(g, own)], { dtype: x.dtype, shape, layout });
}
