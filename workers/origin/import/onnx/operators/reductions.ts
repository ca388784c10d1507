import { axisOf, type Call, type Convert, input, int, listOf, only } from "../call.ts";
import { product } from "../dims.ts";
import { binary, unary } from "../elementwise.ts";
import { at, computed } from "../layout.ts";
import { reshape } from "../moves.ts";
import { reduce, softmax } from "../reductions.ts";
import type { TfGraph } from "../tf-graph.ts";
import { identity, type Value } from "../values.ts";

type Apply = (g: TfGraph, x: Value) => Value;
const same: Apply = (_, x) => x;
const map =
  (op: string): Apply =>
  (g, x) =>
    unary(g, op, x);

const reduction =
  (op: string, before: Apply = same, after: Apply = same): Convert =>
  (call) => {
    const { axes, keep, x } = reduced(call);
    return axes === null ? x : after(call.g, reduce(call.g, op, before(call.g, x), axes, keep));
  };

// Without axes all are reduced, unless the operator is told to do nothing then.
function reduced(call: Call): { x: Value; axes: number[] | null; keep: boolean } {
  const x = input(call, 0, "data");
  const given = listOf(call, "axes", 1);
  const isNone = given === null || given.length === 0;
  const axes = isNone ? identity(x.shape.length) : given.map((axis) => axisOf(axis, x.shape.length));
  const nothing = isNone && int(call, "noop_with_empty_axes", 0) === 1;
  return { x, axes: nothing ? null : axes, keep: int(call, "keepdims", 1) === 1 };
}

function logSumExp(call: Call): Value {
  const { g } = call;
  const { x, axes, keep } = reduced(call);
  if (axes === null) return x;
  const top = reduce(g, "Max", x, axes);
  const sum = reduce(g, "Sum", unary(g, "Exp", binary(g, "Sub", x, top)), axes);
  const whole = binary(g, "AddV2", unary(g, "Log", sum), top);
  return keep
    ? whole
    : reshape(
        g,
        whole,
        x.shape.filter((_, axis) => !axes.includes(axis)),
      );
}

const place =
  (op: "ArgMax" | "ArgMin"): Convert =>
  (call) => {
    only(call, "select_last_index", 0);
    const x = input(call, 0, "data");
    const axis = axisOf(int(call, "axis", 0), x.shape.length);
    const left = x.shape.filter((_, i) => i !== axis);
    const found = computed(call.g, op, [at(call.g, x), call.g.int(axis)], { dtype: "int32", shape: left });
    const kept = x.shape.map((dim, i) => (i === axis ? 1 : dim));
    return int(call, "keepdims", 1) === 1 ? reshape(call.g, found, kept) : found;
  };

const soft =
  (op: "Softmax" | "LogSoftmax"): Convert =>
  (call) => {
    const { g, opset } = call;
    const x = input(call, 0, "input");
    const rank = x.shape.length;
    if (opset >= 13) return softmax(g, op, x, axisOf(int(call, "axis", -1), rank));
    // Before opset 13 the axes from the given one on are one list.
    const axis = axisOf(int(call, "axis", 1), rank);
    if (axis === rank - 1) return softmax(g, op, x, axis);
    const flat = reshape(g, x, [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))]);
    return reshape(g, softmax(g, op, flat, 1), x.shape);
  };

/** Operators that reduce axes, or that relate elements of an axis to each other. */
export const reductions: Record<string, Convert> = {
  ...{ ReduceSum: reduction("Sum"), ReduceMean: reduction("Mean"), ReduceMax: reduction("Max") },
  ...{ ReduceMin: reduction("Min"), ReduceProd: reduction("Prod"), ReduceL1: reduction("Sum", map("Abs")) },
  ...{ ReduceL2: reduction("Sum", map("Square"), map("Sqrt")), ReduceSumSquare: reduction("Sum", map("Square")) },
  ...{ ReduceLogSum: reduction("Sum", same, map("Log")), ReduceLogSumExp: logSumExp },
  ...{ ArgMax: place("ArgMax"), ArgMin: place("ArgMin"), Softmax: soft("Softmax"), LogSoftmax: soft("LogSoftmax") },
};
