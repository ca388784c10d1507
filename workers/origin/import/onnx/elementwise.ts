import { type Dim, difference, isKnown, product, quotient, same, sum, textOf, times } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import { at, computed, held, stridesOf } from "./layout.ts";
import { reshape } from "./moves.ts";
import { attr, type TfGraph } from "./tf-graph.ts";
import { type DType, identity, isIdentity, knownValue, numbersOf, type Value } from "./values.ts";

/** Operations of one input, computed here when it is known. */
const unaryOf: Record<string, (x: number) => number> = {
  Abs: Math.abs,
  Ceil: Math.ceil,
  Exp: Math.exp,
  Floor: Math.floor,
  Identity: (x) => x,
  Log: Math.log,
  LogicalNot: (x) => (x ? 0 : 1),
  Neg: (x) => -x,
  Reciprocal: (x) => 1 / x,
  Rsqrt: (x) => 1 / Math.sqrt(x),
  Round: roundEven,
  Sign: Math.sign,
  Sqrt: Math.sqrt,
  Square: (x) => x * x,
  Tanh: Math.tanh,
};

const truth = (value: boolean) => (value ? 1 : 0);

/** Operations of two inputs, computed here when both are known. */
const binaryOf: Record<string, (a: number, b: number) => number> = {
  AddV2: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  RealDiv: (a, b) => a / b,
  FloorMod: (a, b) => a - b * Math.floor(a / b),
  Pow: (a, b) => a ** b,
  Maximum: Math.max,
  Minimum: Math.min,
  Equal: (a, b) => truth(a === b),
  NotEqual: (a, b) => truth(a !== b),
  Greater: (a, b) => truth(a > b),
  GreaterEqual: (a, b) => truth(a >= b),
  Less: (a, b) => truth(a < b),
  LessEqual: (a, b) => truth(a <= b),
  LogicalAnd: (a, b) => truth(a !== 0 && b !== 0),
  LogicalOr: (a, b) => truth(a !== 0 || b !== 0),
};

/** The same for sizes that may depend on the batch; null where the result is not such a size. */
const dimsOf: Record<string, (a: Dim, b: Dim) => Dim | null> = {
  AddV2: sum,
  Sub: difference,
  Mul: times,
  RealDiv: quotient,
  Equal: (a, b) => compared(a, b, (x) => x === 0),
  NotEqual: (a, b) => compared(a, b, (x) => x !== 0),
  Greater: (a, b) => compared(a, b, (x) => x > 0),
  GreaterEqual: (a, b) => compared(a, b, (x) => x >= 0),
  Less: (a, b) => compared(a, b, (x) => x < 0),
  LessEqual: (a, b) => compared(a, b, (x) => x <= 0),
};

// Decides a comparison that is the same for every batch of one or more: the difference is at least its value for one, or
// at most, and goes on from there.
function compared(a: Dim, b: Dim, holds: (difference: number) => boolean): Dim | null {
  const d = difference(a, b);
  if (isKnown(d)) return truth(holds(d));
  const [first, end] = [d.times + d.plus, Math.sign(d.times) * Number.POSITIVE_INFINITY];
  const crosses = first === 0 || Math.sign(first) !== Math.sign(end);
  return !crosses && holds(first) === holds(end) ? truth(holds(first)) : null;
}

const comparisons = new Set(["Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"]);
/** Results above this size are computed at run time, when they are larger than what they are computed from. */
const foldedMax = 65_536;

/** Applies an operation to each element. */
export function unary(g: TfGraph, op: string, x: Value, attributes: Parameters<TfGraph["node"]>[2] = {}): Value {
  const fold = unaryOf[op];
  const numbers = fold && (x.known?.uniform ? (x.known.data as ArrayLike<number>) : numbersOf(x));
  if (fold && numbers) {
    const data = listOf(x.dtype, numbers.length, (i) => fold(numbers[i] as number));
    return knownValue(x.dtype, x.shape, data, x.known?.uniform ? { uniform: true } : {});
  }
  const { layout } = x;
  return computed(g, op, [at(g, x, layout)], { dtype: x.dtype, shape: x.shape, layout }, attributes);
}

/** Applies an operation to the elements of two values, which are broadcast. */
export function binary(g: TfGraph, op: string, a: Value, b: Value): Value {
  const dtype = comparisons.has(op) ? "bool" : a.dtype;
  const shape = broadcast(a.shape, b.shape);
  const folded = foldedBinary(op, dtype, shape, a, b);
  if (folded) return folded;
  const layout = [a, b].find(({ layout: own }) => own.length === shape.length && !isIdentity(own))?.layout;
  const order = layout ?? identity(shape.length);
  const nodes = [a, b].map((value) => operand(g, value, order));
  return computed(g, op, nodes, { dtype, shape, layout: order });
}

// A value of lower rank has its axes of one element written out before it is permuted.
function operand(g: TfGraph, value: Value, order: readonly number[]): string {
  if (isIdentity(order) || value.shape.length === 0) return at(g, value);
  const missing = order.length - value.shape.length;
  return at(g, missing === 0 ? value : reshape(g, value, [...Array(missing).fill(1), ...value.shape]), order);
}

function foldedBinary(op: string, dtype: DType, shape: Dim[], a: Value, b: Value): Value | null {
  if (!a.known || !b.known) return null;
  const single = (value: Value) => value.known?.uniform || value.known?.data.length === 1;
  if (single(a) && single(b)) {
    const element = elementOf(op, a.known.data[0] as Dim, b.known.data[0] as Dim);
    return element === null ? null : knownValue(dtype, shape, [rounded(dtype, element)], { uniform: true });
  }
  if (!shape.every(isKnown) || !a.shape.every(isKnown) || !b.shape.every(isKnown)) return null;
  const size = product(shape) as number;
  if (size > Math.max(foldedMax, product(a.shape) as number, product(b.shape) as number)) return null;
  const [from, by] = [a, b].map((value) => placesOf(value.shape as number[], shape as number[]));
  const [x, y] = [a, b].map((value) => value.known?.data as ArrayLike<Dim>);
  const place = (value: Value, places: Uint32Array | undefined, i: number) =>
    value.known?.uniform ? 0 : ((places as Uint32Array)[i] as number);
  const [p, q] = [numbersOf(a), numbersOf(b)];
  const fold = binaryOf[op];
  if (p && q) {
    if (!fold) return null;
    const whole = wholeOf(op, dtype);
    const data = listOf(dtype, size, (i) =>
      whole(fold(p[(from as Uint32Array)[i] as number] as number, q[(by as Uint32Array)[i] as number] as number)),
    );
    return knownValue(dtype, shape, data);
  }
  const data: Dim[] = [];
  for (let i = 0; i < size; i++) {
    const element = elementOf(op, x?.[place(a, from, i)] as Dim, y?.[place(b, by, i)] as Dim);
    if (element === null) return null;
    data.push(element);
  }
  return knownValue(dtype, shape, data);
}

function elementOf(op: string, a: Dim, b: Dim): Dim | null {
  if (isKnown(a) && isKnown(b)) return binaryOf[op]?.(a, b) ?? null;
  return dimsOf[op]?.(a, b) ?? null;
}

// Whole numbers are divided towards zero.
function wholeOf(op: string, dtype: DType): (value: number) => number {
  return op === "RealDiv" && dtype === "int32" ? Math.trunc : (value) => value;
}

function rounded(dtype: DType, element: Dim): Dim {
  if (!isKnown(element)) return element;
  return dtype === "float32" ? Math.fround(element) : Math.trunc(element);
}

/** Chooses elements by a condition; the three are broadcast. */
export function select(g: TfGraph, condition: Value, a: Value, b: Value): Value {
  const shape = broadcast(broadcast(condition.shape, a.shape), b.shape);
  const dtype = a.dtype;
  const chosen = condition.known && numbersOf(condition);
  if (chosen && a.known && b.known && shape.every(isKnown)) {
    const [of, from, by] = [condition, a, b].map((value) => placesOf(value.shape as number[], shape as number[]));
    const one = ({ known }: Value, places: Uint32Array | undefined, i: number) =>
      known?.data[known.uniform ? 0 : ((places as Uint32Array)[i] as number)] as Dim;
    const data = Array.from({ length: product(shape) as number }, (_, i) =>
      chosen[(of as Uint32Array)[i] as number] ? one(a, from, i) : one(b, by, i),
    );
    return knownValue(dtype, shape, data.every(isKnown) ? listOf(dtype, data.length, (i) => data[i] as number) : data);
  }
  const values = [condition, a, b].map((value) => at(g, value));
  return computed(g, "SelectV2", values, { dtype, shape });
}

/** Converts elements to another type. */
export function cast(g: TfGraph, x: Value, dtype: DType): Value {
  if (x.dtype === dtype) return x;
  const convert = (value: number) =>
    dtype === "float32" ? Math.fround(value) : dtype === "bool" ? truth(value !== 0) : Math.trunc(value);
  if (x.known) {
    const { data, uniform } = x.known;
    if (!Array.from(data).every(isKnown)) return { ...x, dtype };
    const own = listOf(dtype, data.length, (i) => convert(data[i] as number));
    return knownValue(dtype, x.shape, own, uniform ? { uniform } : {});
  }
  const { shape, layout } = x;
  const node = g.node("Cast", [at(g, x, layout)], { SrcT: attr.type(x.dtype), DstT: attr.type(dtype) });
  return held(node, dtype, shape, layout);
}

/** Repeats a value to a shape that it is broadcast to. */
export function expand(g: TfGraph, x: Value, to: readonly Dim[]): Value {
  const shape = broadcast(x.shape, to);
  if (shape.length === x.shape.length && shape.every((dim, i) => same(dim, x.shape[i] as Dim))) return x;
  if (x.known && (x.known.uniform || x.known.data.length === 1)) {
    return knownValue(x.dtype, shape, [x.known.data[0] as Dim], { uniform: true });
  }
  const numbers = x.known && numbersOf(x);
  if (numbers && shape.every(isKnown) && (product(shape) as number) <= foldedMax) {
    const places = placesOf(x.shape as number[], shape as number[]);
    return knownValue(
      x.dtype,
      shape,
      listOf(x.dtype, places.length, (i) => numbers[places[i] as number] as number),
    );
  }
  return computed(g, "BroadcastTo", [at(g, x), g.dims(shape)], { dtype: x.dtype, shape });
}

/** Returns the shape that two shapes are broadcast to. */
export function broadcast(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (same(x, y) || y === 1) return x;
    if (x === 1) return y;
    const isBatch = !isKnown(x) || !isKnown(y);
    throw new OnnxError(
      `its inputs have shapes ${textOf(a)} and ${textOf(b)}, which do not fit together` +
        (isBatch ? ": a number of instances is fixed in the model. Export it with dynamic_axes for every input" : ""),
    );
  });
}

/** Creates a list for elements of a type. */
export function listOf(dtype: DType, length: number, element: (i: number) => number): Float32Array | Float64Array {
  const data = dtype === "float32" ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < length; i++) data[i] = element(i);
  return data;
}

/** For each element of a broadcast shape, the place in the original. */
export function placesOf(own: readonly number[], shape: readonly number[]): Uint32Array {
  const padded = [...Array(shape.length - own.length).fill(1), ...own] as number[];
  const strides = stridesOf(padded).map((stride, i) => (padded[i] === 1 ? 0 : stride));
  const outer = stridesOf(shape);
  const size = shape.reduce((x, y) => x * y, 1);
  const places = new Uint32Array(size);
  for (let i = 0; i < size; i++) {
    let place = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      place += (Math.floor(i / (outer[axis] as number)) % (shape[axis] as number)) * (strides[axis] as number);
    }
    places[i] = place;
  }
  return places;
}

/** Creates a known number. */
export function scalar(value: number, dtype: DType = "float32"): Value {
  return knownValue(dtype, [], dtype === "float32" ? Float32Array.of(value) : Float64Array.of(value));
}

/** Rounds to the nearest whole number, and a half to the even one. */
export function roundEven(x: number): number {
  const below = Math.floor(x);
  const part = x - below;
  if (part !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
