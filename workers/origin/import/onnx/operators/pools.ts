import { type Call, type Convert, input, int, ints } from "../call.ts";
import { type Dim, numbers } from "../dims.ts";
import { binary } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { at, computed } from "../layout.ts";
import { pad, slice, squeezed } from "../moves.ts";
import { reduce } from "../reductions.ts";
import { attr } from "../tf-graph.ts";
import { channelsLast, identity, knownValue, type Value } from "../values.ts";
import { type Windows, windowsOf } from "../windows.ts";
import { asImage, overImages } from "./convolutions.ts";

const images = channelsLast(4);
const lowest = -3.4028234663852886e38;

const pool =
  (op: "MaxPool" | "AvgPool"): Convert =>
  (given) => {
    const isSignal = input(given, 0, "X").shape.length === 3;
    const call = isSignal ? overImages(given) : given;
    const x = asImage(call, input(call, 0, "X"));
    const windows = windowsOf(call, numbers(x.shape.slice(2), "the image's size"), ints(call, "kernel_shape") ?? []);
    if (windows.dilations.some((by) => by !== 1))
      throw new OnnxError(`${call.node.opType} with dilations is not supported`);
    const found = op === "MaxPool" ? pooled(call, op, x, windows, lowest) : average(call, x, windows);
    return isSignal ? squeezed(call.g, found, 2) : found;
  };

// Padding is added before, since the kernels know none that differs from side to side.
function pooled({ g }: Call, op: "MaxPool" | "AvgPool", x: Value, windows: Windows, padding: number): Value {
  const { kernel, strides, pads, sizes } = windows;
  if (kernel.every((size) => size === 1) && pads.flat().every((size) => size === 0)) {
    return slice(
      g,
      x,
      sizes.map((size, i) => ({ axis: i + 2, begin: 0, size, step: strides[i] as number })),
    );
  }
  const around = new Map(pads.map(([before], i) => [i + 2, [before, endOf(x, windows, i)] as const]));
  const padded = pad(g, x, around, padding);
  const shape: Dim[] = [...x.shape.slice(0, 2), ...sizes];
  return computed(
    g,
    op,
    [at(g, padded, images)],
    { dtype: "float32", shape, layout: images },
    {
      data_format: attr.text("NHWC"),
      ksize: attr.ints([1, ...kernel, 1]),
      strides: attr.ints([1, ...strides, 1]),
      padding: attr.text("VALID"),
    },
  );
}

// The last window's end beyond the image.
function endOf(x: Value, { kernel, strides, pads, sizes }: Windows, i: number): number {
  const end = ((sizes[i] as number) - 1) * (strides[i] as number) + (kernel[i] as number);
  return Math.max(0, end - (pads[i] as [number, number])[0] - (x.shape[i + 2] as number));
}

/** Means over windows: those that reach beyond the image are divided by the elements that count. */
function average(call: Call, x: Value, windows: Windows): Value {
  const { kernel, sizes } = windows;
  const mean = pooled(call, "AvgPool", x, windows, 0);
  const countsPads = int(call, "count_include_pad", 0) === 1;
  const [rows, columns] = [0, 1].map((i) => countsOf(x, windows, i, countsPads)) as [number[], number[]];
  const whole = (kernel[0] as number) * (kernel[1] as number);
  const factors = rows.flatMap((row) => columns.map((column) => whole / (row * column)));
  if (factors.every((factor) => factor === 1)) return mean;
  const mask = knownValue("float32", [1, 1, ...sizes], Float32Array.from(factors));
  return binary(call.g, "Mul", mean, mask);
}

// For each window of an axis, how many of its elements count.
function countsOf(x: Value, { kernel, strides, pads, sizes }: Windows, i: number, countsPads: boolean): number[] {
  const [before, after] = pads[i] as [number, number];
  const size = x.shape[i + 2] as number;
  const [from, to] = countsPads ? [-before, size + after] : [0, size];
  return Array.from({ length: sizes[i] as number }, (_, window) => {
    const begin = window * (strides[i] as number) - before;
    return Math.min(begin + (kernel[i] as number), to) - Math.max(begin, from);
  });
}

const globalPool =
  (op: "Mean" | "Max"): Convert =>
  (call) => {
    const x = input(call, 0, "X");
    return reduce(call.g, op, x, identity(x.shape.length).slice(2));
  };

/** Operators that pool images and signals. */
export const pools: Record<string, Convert> = {
  ...{ MaxPool: pool("MaxPool"), AveragePool: pool("AvgPool") },
  ...{ GlobalAveragePool: globalPool("Mean"), GlobalMaxPool: globalPool("Max") },
};
