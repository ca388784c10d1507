import { axisOf, type Call, type Convert, dimsIn, input, int, ints, listOf, numbersIn, text } from "../call.ts";
import { type Dim, difference, isKnown, numbers, sum, textOf } from "../dims.ts";
import { binary, cast, scalar } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { at, computed } from "../layout.ts";
import { gather, type Part, pad, reshape, slice, transpose } from "../moves.ts";
import { attr } from "../tf-graph.ts";
import { identity, knownValue, numbersOf, type Value } from "../values.ts";

function sliceOf(call: Call): Value {
  const x = input(call, 0, "data");
  const read = (name: string, i: number): Dim[] | null => ints(call, name) ?? dimsIn(call, i, name);
  const starts = read("starts", 1) ?? [];
  const ends = read("ends", 2) ?? [];
  const axes = listOf(call, "axes", 3) ?? identity(starts.length);
  const steps = numbersIn(call, 4, "steps") ?? starts.map(() => 1);
  const parts = axes.map((given, i) => {
    const axis = axisOf(given, x.shape.length);
    return partOf(axis, x.shape[axis] as Dim, starts[i] as Dim, ends[i] as Dim, steps[i] as number);
  });
  return slice(call.g, x, parts);
}

function partOf(axis: number, whole: Dim, start: Dim, end: Dim, step: number): Part {
  if (isKnown(whole)) {
    const [low, high] = step > 0 ? [0, whole] : [-1, whole - 1];
    const inside = (place: Dim, least: number) => {
      const [given] = numbers([place], "a part that it takes") as [number];
      return Math.min(high, Math.max(least, given < 0 ? given + whole : given));
    };
    const begin = inside(start, step > 0 ? 0 : 0);
    // The smallest numbers mean "to the beginning" where steps go back.
    const stop = Number(end) < -whole ? low : inside(end, low);
    return { axis, begin, size: Math.max(0, Math.ceil((stop - begin) / step)), step };
  }
  const isWhole = start === 0 && step === 1 && (isKnown(end) ? end >= 2 ** 31 - 1 : true);
  if (isWhole && isKnown(end)) return { axis, begin: 0, size: whole };
  if (start === 0 && step === 1) return { axis, begin: 0, size: isKnown(end) && end < 0 ? sum(whole, end) : end };
  const size = isKnown(end) && end >= 2 ** 31 - 1 ? difference(whole, start) : null;
  if (size !== null && isKnown(start) && start > 0 && step === 1) return { axis, begin: start, size };
  throw new OnnxError(`it takes a part of axis ${axis}, whose size depends on the batch: ${textOf([whole])}`);
}

function split(call: Call): Value[] {
  const x = input(call, 0, "input");
  const axis = axisOf(int(call, "axis", 0), x.shape.length);
  const [whole] = numbers([x.shape[axis] as Dim], "the axis that it splits") as [number];
  const count = int(call, "num_outputs", call.node.output.length);
  const even = Math.ceil(whole / count);
  const sizes = listOf(call, "split", 1) ?? Array.from({ length: count }, (_, i) => Math.min(even, whole - i * even));
  let begin = 0;
  return sizes.map((size) => {
    const part = slice(call.g, x, [{ axis, begin, size }]);
    begin += size;
    return part;
  });
}

function gatherOf(call: Call): Value {
  const x = input(call, 0, "data");
  return gather(call.g, x, input(call, 1, "indices"), axisOf(int(call, "axis", 0), x.shape.length));
}

function padOf(call: Call): Value {
  const x = input(call, 0, "data");
  const rank = x.shape.length;
  const list = listOf(call, "pads", 1) ?? [];
  const axes = (numbersIn(call, 3, "axes") ?? identity(rank)).map((axis) => axisOf(axis, rank));
  const around = axes.map((axis, i): [number, number, number] => [
    axis,
    list[i] as number,
    list[i + axes.length] as number,
  ]);
  const mode = text(call, "mode", "constant");
  if (mode !== "constant") return padByGather(call, x, around, mode);
  const value = numbersIn(call, 2, "constant_value")?.[0] ?? 0;
  // Negative pads take elements away.
  const cut = around.flatMap(([axis, before, after]): Part[] => {
    if (before >= 0 && after >= 0) return [];
    const size = sum(x.shape[axis] as Dim, Math.min(0, before) + Math.min(0, after));
    return [{ axis, begin: Math.max(0, -before), size }];
  });
  const added = new Map(
    around.map(([axis, before, after]) => [axis, [Math.max(0, before), Math.max(0, after)] as const]),
  );
  return pad(call.g, slice(call.g, x, cut), added, value);
}

// Each other mode repeats elements that are there: at the edge, mirrored, or from the other side.
function padByGather(call: Call, x: Value, around: readonly [number, number, number][], mode: string): Value {
  const place: Record<string, (i: number, size: number) => number> = {
    edge: (i, size) => Math.min(size - 1, Math.max(0, i)),
    reflect: (i, size) =>
      size === 1 ? 0 : size - 1 - Math.abs((((i % (2 * size - 2)) + 2 * size - 2) % (2 * size - 2)) - size + 1),
    wrap: (i, size) => ((i % size) + size) % size,
  };
  const of = place[mode];
  if (!of) throw new OnnxError(`Pad with mode '${mode}' is not supported; constant, edge, reflect and wrap are`);
  return around.reduce((value, [axis, before, after]) => {
    if (before === 0 && after === 0) return value;
    const [size] = numbers([value.shape[axis] as Dim], "the axis that it pads") as [number];
    const indices = Array.from({ length: before + size + after }, (_, i) => of(i - before, size));
    return gather(call.g, value, knownValue("int32", [indices.length], indices), axis);
  }, x);
}

/** Keeps the upper or the lower triangle of the last two axes. */
function trilu(call: Call): Value {
  const x = input(call, 0, "input");
  const [height, width] = numbers(x.shape.slice(-2), "the triangle") as [number, number];
  const k = numbersIn(call, 1, "k")?.[0] ?? 0;
  const isUpper = int(call, "upper", 1) === 1;
  const keeps = (i: number) => {
    const offset = (i % width) - Math.floor(i / width) - k;
    return isUpper ? offset >= 0 : offset <= 0;
  };
  const mask = Float32Array.from({ length: height * width }, (_, i) => (keeps(i) ? 1 : 0));
  // A product with zero would keep what is not finite, such as the −∞ of a mask.
  const known = numbersOf(x);
  if (known && x.shape.every(isKnown)) {
    const size = height * width;
    const data = Array.from(known, (value, i) => (mask[i % size] ? value : 0));
    return knownValue(x.dtype, x.shape, x.dtype === "float32" ? Float32Array.from(data) : data);
  }
  const own = cast(call.g, knownValue("float32", [height, width], mask), x.dtype);
  return binary(call.g, "Mul", x, own);
}

function cumSum(call: Call): Value {
  const x = input(call, 0, "x");
  const axis = axisOf(numbersIn(call, 1, "axis")?.[0] ?? 0, x.shape.length);
  return computed(call.g, "Cumsum", [at(call.g, x), call.g.int(axis)], x, {
    exclusive: attr.bool(int(call, "exclusive", 0) === 1),
    reverse: attr.bool(int(call, "reverse", 0) === 1),
  });
}

function oneHot(call: Call): Value {
  const indices = input(call, 0, "indices");
  const depth = numbersIn(call, 1, "depth")?.[0] as number;
  const values = input(call, 2, "values");
  const [off, on] = [numbersIn(call, 2, "values")?.[0], numbersIn(call, 2, "values")?.[1]] as [number, number];
  const rank = indices.shape.length + 1;
  const { g } = call;
  const places = knownValue(
    "int32",
    [depth],
    Array.from({ length: depth }, (_, i) => i),
  );
  const wide = reshape(g, cast(g, indices, "int32"), [...indices.shape, 1]);
  // Negative indices count from the end; others outside the range are off.
  const fromEnd = binary(g, "Sub", places, scalar(depth, "int32"));
  const isOn = binary(g, "LogicalOr", binary(g, "Equal", wide, places), binary(g, "Equal", wide, fromEnd));
  const hot = cast(g, isOn, "float32");
  const scaled = binary(g, "AddV2", binary(g, "Mul", hot, scalar(on - off)), scalar(off));
  const axis = axisOf(int(call, "axis", -1), rank);
  const last = identity(rank - 1);
  return cast(g, transpose(scaled, [...last.slice(0, axis), rank - 1, ...last.slice(axis)]), values.dtype);
}

/** Operators that take, repeat or add elements. */
export const parts: Record<string, Convert> = {
  ...{ Slice: sliceOf, Split: split, Gather: gatherOf, Pad: padOf, Trilu: trilu, CumSum: cumSum, OneHot: oneHot },
};
