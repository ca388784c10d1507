import { type Dim, isKnown, product, times } from "./dims.ts";
import { binary, listOf, unary } from "./elementwise.ts";
import { at, computed } from "./layout.ts";
import { reshape } from "./moves.ts";
import { attr, type TfGraph } from "./tf-graph.ts";
import { dimsOf, identity, knownValue, numbersOf, type Value } from "./values.ts";

const folds: Record<string, (a: number, b: number) => number> = {
  Sum: (a, b) => a + b,
  Prod: (a, b) => a * b,
  Max: Math.max,
  Min: Math.min,
};

/** Reduces axes by Sum, Mean, Max, Min or Prod. */
export function reduce(g: TfGraph, op: string, x: Value, axes: readonly number[], keep = true): Value {
  if (axes.length === 0) return x;
  const folded = foldedReduce(g, op, x, axes, keep);
  if (folded) return folded;
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const shape = keep ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
  // Dropped axes leave a layout of those that stay.
  const left = identity(x.shape.length).filter((axis) => !axes.includes(axis));
  const layout = keep ? x.layout : x.layout.filter((axis) => !axes.includes(axis)).map((axis) => left.indexOf(axis));
  const places = axes.map((axis) => x.layout.indexOf(axis)).sort((a, b) => a - b);
  const node = [at(g, x, x.layout), g.ints(places)];
  return computed(g, op, node, { dtype: x.dtype, shape, layout }, { keep_dims: attr.bool(keep) });
}

function foldedReduce(g: TfGraph, op: string, x: Value, axes: readonly number[], keep: boolean): Value | null {
  const dims = x.shape.length === 1 ? dimsOf(x) : null;
  if (dims && op === "Prod") return knownValue(x.dtype, keep ? [1] : [], [dims.reduce<Dim>(times, 1)]);
  const numbers = numbersOf(x);
  if (!numbers || !x.shape.every(isKnown)) return null;
  if (op === "Mean") {
    const count = product(axes.map((axis) => x.shape[axis] as Dim)) as number;
    return binary(g, "RealDiv", reduce(g, "Sum", x, axes, keep), knownValue(x.dtype, [], [count]));
  }
  const fold = folds[op];
  if (!fold) return null;
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) as number[];
  const found: (number | undefined)[] = Array(product(kept) as number).fill(undefined);
  for (let i = 0; i < numbers.length; i++) {
    let [place, rest] = [0, i];
    let stride = 1;
    for (let axis = x.shape.length - 1; axis >= 0; axis--) {
      const size = x.shape[axis] as number;
      if (!axes.includes(axis)) {
        place += (rest % size) * stride;
        stride *= size;
      }
      rest = Math.floor(rest / size);
    }
    const before = found[place];
    found[place] = before === undefined ? (numbers[i] as number) : fold(before, numbers[i] as number);
  }
  const all = knownValue(
    x.dtype,
    kept,
    listOf(x.dtype, found.length, (i) => found[i] ?? 0),
  );
  return keep
    ? all
    : reshape(
        g,
        all,
        kept.filter((_, axis) => !axes.includes(axis)),
      );
}

/** Applies softmax, or its logarithm, along an axis. */
export function softmax(g: TfGraph, op: "Softmax" | "LogSoftmax", x: Value, axis: number): Value {
  // The kernel works on the last axis of the node.
  const isLast = x.layout.at(-1) === axis;
  const layout = isLast ? x.layout : [...identity(x.shape.length).filter((one) => one !== axis), axis];
  return computed(g, op, [at(g, x, layout)], { dtype: x.dtype, shape: x.shape, layout });
}

/** Subtracts the mean over axes and divides by the deviation. */
export function standardised(g: TfGraph, x: Value, axes: readonly number[], epsilon: number): Value {
  const centred = binary(g, "Sub", x, reduce(g, "Mean", x, axes));
  const variance = reduce(g, "Mean", unary(g, "Square", centred), axes);
  const scale = unary(g, "Rsqrt", binary(g, "AddV2", variance, knownValue("float32", [], [epsilon])));
  return binary(g, "Mul", centred, scale);
}
