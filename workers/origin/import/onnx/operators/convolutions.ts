import { type Call, type Convert, input, int, ints, text } from "../call.ts";
import { type Dim, numbers, textOf } from "../dims.ts";
import { binary } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { at, computed } from "../layout.ts";
import { concat, pad, reshape, slice, squeezed, transpose, unsqueezed } from "../moves.ts";
import { unscaled } from "../products.ts";
import { attr } from "../tf-graph.ts";
import { channelsLast, knownValue, numbersOf, type Value } from "../values.ts";
import { padsOf, type Windows, windowsOf } from "../windows.ts";

const images = channelsLast(4);

/** Throws for images of three dimensions; signals of one become images of height 1. */
export function asImage(call: Call, x: Value): Value {
  if (x.shape.length === 4) return x;
  if (x.shape.length === 3) return unsqueezed(call.g, x, 2);
  throw new OnnxError(`${call.node.opType} over ${textOf(x.shape)} is not supported; signals and images are`);
}

/** Reads a list with one entry for each axis of an image or signal: a signal's height is 1. */
export function ofImage<T>(list: readonly T[], height: T): T[] {
  return list.length === 1 ? [height, list[0] as T] : [...list];
}

/** The call of the same node over images: lists of one entry have one for the height before it. */
export function overImages(call: Call): Call {
  const heights: Record<string, number> = { kernel_shape: 1, strides: 1, dilations: 1, output_padding: 0 };
  const attribute = call.node.attribute.map((one) => {
    const height = heights[one.name ?? ""];
    if (height !== undefined && one.ints.length === 1) return { ...one, ints: [height, ...one.ints] };
    if (one.name === "pads" && one.ints.length === 2)
      return { ...one, ints: [0, one.ints[0], 0, one.ints[1]] as number[] };
    return one;
  });
  return { ...call, node: { ...call.node, attribute } };
}

function convolution(given: Call): Value {
  const isSignal = input(given, 0, "X").shape.length === 3;
  const call = isSignal ? overImages(given) : given;
  const { g, normalised } = call;
  const x = asImage(call, input(call, 0, "X"));
  let weights = asImage(call, input(call, 1, "W"));
  let bias = call.inputs[2] ?? null;
  if (normalised) {
    const { factor, offset } = normalised;
    weights = binary(g, "Mul", weights, reshape(g, factor, [factor.shape[0] as Dim, 1, 1, 1]));
    const moved = bias ? binary(g, "Mul", bias, factor) : null;
    bias = moved ? binary(g, "AddV2", moved, offset) : offset;
  }
  const windows = windowsOf(call, numbers(x.shape.slice(2), "the image's size"), numbers(weights.shape.slice(2), "W"));
  const found = grouped(call, x, weights, bias, windows);
  return isSignal ? squeezed(g, found, 2) : found;
}

function grouped(call: Call, x: Value, weights: Value, bias: Value | null, windows: Windows): Value {
  const { g } = call;
  const groups = int(call, "group", 1);
  const [outputs, perGroup] = numbers(weights.shape, "W") as [number, number];
  const channels = x.shape[1] as Dim;
  if (channels !== perGroup * groups) {
    throw new OnnxError(`it convolves ${textOf([channels])} channels by weights for ${perGroup * groups}`);
  }
  if (groups === 1) return one(call, x, weights, bias, windows);
  if (perGroup === 1) return depthwise(call, x, weights, bias, windows);
  const own = outputs / groups;
  const results = Array.from({ length: groups }, (_, i) => {
    const part = slice(g, x, [{ axis: 1, begin: i * perGroup, size: perGroup }]);
    const filter = slice(g, weights, [{ axis: 0, begin: i * own, size: own }]);
    return one(call, part, filter, bias && slice(g, bias, [{ axis: 0, begin: i * own, size: own }]), windows);
  });
  return concat(g, results, 1);
}

function one(call: Call, x: Value, given: Value, bias: Value | null, windows: Windows): Value {
  const { weights, ...own } = spread(given, windows);
  const filter = transpose(weights, [2, 3, 1, 0]);
  return apply(call, ["Conv2D", "_FusedConv2D"], x, filter, 3, bias, own, weights.shape[0] as Dim);
}

function depthwise(call: Call, x: Value, given: Value, bias: Value | null, windows: Windows): Value {
  const { weights, ...own } = spread(given, windows);
  const outputs = weights.shape[0] as number;
  const channels = x.shape[1] as number;
  const filter =
    outputs === channels
      ? transpose(weights, [2, 3, 0, 1])
      : transpose(reshape(call.g, weights, [channels, outputs / channels, ...weights.shape.slice(2)]), [2, 3, 0, 1]);
  // The kernel wants equal strides.
  const [down, across] = own.strides as [number, number];
  const stride = down === across ? null : { down, across };
  const dense = stride ? { ...own, strides: [1, 1] } : own;
  const found = apply(
    call,
    ["DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"],
    x,
    filter,
    2,
    bias,
    dense,
    outputs,
  );
  if (!stride) return found;
  return slice(call.g, found, [
    { axis: 2, begin: 0, size: windows.sizes[0] as number, step: stride.down },
    { axis: 3, begin: 0, size: windows.sizes[1] as number, step: stride.across },
  ]);
}

// Strides and dilations exclude each other in TensorFlow.js: where there are both, zeros spread the weights instead.
function spread(weights: Value, windows: Windows): Windows & { weights: Value } {
  const { strides, dilations } = windows;
  if (dilations.every((by) => by === 1) || strides.every((by) => by === 1)) return { ...windows, weights };
  const list = numbersOf(weights);
  if (!list) throw new OnnxError("a convolution with strides and dilations needs constant weights");
  const [outputs, inputs, height, width] = weights.shape as [number, number, number, number];
  const [down, across] = dilations as [number, number];
  const [h, w] = [(height - 1) * down + 1, (width - 1) * across + 1];
  const data = new Float32Array(outputs * inputs * h * w);
  for (let i = 0; i < list.length; i++) {
    const [plane, row, column] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    data[plane * h * w + row * down * w + column * across] = list[i] as number;
  }
  const wide = knownValue("float32", [outputs, inputs, h, w], data);
  return { ...windows, kernel: [h, w], dilations: [1, 1], weights: wide };
}

function apply(
  { g }: Call,
  [plainOp, fusedOp]: readonly [string, string],
  x: Value,
  filter: Value,
  outputsAxis: number,
  bias: Value | null,
  { strides, dilations, pads, sizes }: Windows,
  outputs: Dim,
): Value {
  const { plain, factors } = unscaled(filter, outputsAxis);
  const isFused = bias !== null && !factors;
  const [h, w] = pads as [[number, number], [number, number]];
  const isPadded = pads.flat().some((size) => size > 0);
  const isSpread = strides.every((by) => by === 1);
  const shape: Dim[] = [x.shape[0] as Dim, outputs, ...(sizes as number[])];
  const found = computed(
    g,
    isFused ? fusedOp : plainOp,
    [at(g, x, images), at(g, plain), ...(isFused ? [at(g, bias)] : [])],
    { dtype: "float32", shape: withStride(shape, x, pads, filter, dilations, strides), layout: images },
    {
      data_format: attr.text("NHWC"),
      strides: attr.ints([1, ...strides, 1]),
      dilations: attr.ints([1, ...(isSpread ? dilations : [1, 1]), 1]),
      padding: attr.text(isPadded ? "EXPLICIT" : "VALID"),
      explicit_paddings: attr.ints(isPadded ? [0, 0, ...h, ...w, 0, 0] : []),
      ...(isFused ? { num_args: attr.int(1), fused_ops: attr.texts(["BiasAdd"]) } : {}),
    },
  );
  const perChannel = (value: Value) => reshape(g, value, [value.shape[0] as Dim, 1, 1]);
  const scaled = factors ? binary(g, "Mul", found, perChannel(factors)) : found;
  return bias && !isFused ? binary(g, "AddV2", scaled, perChannel(bias)) : scaled;
}

// The sizes follow from the strides that are applied, which may be 1 in place of unequal ones.
function withStride(
  [n, outputs]: readonly Dim[],
  x: Value,
  pads: readonly [number, number][],
  filter: Value,
  dilations: readonly number[],
  strides: readonly number[],
): Dim[] {
  const own = pads.map(([before, after], i) => {
    const span = ((filter.shape[i] as number) - 1) * (dilations[i] as number) + 1;
    return Math.floor(((x.shape[i + 2] as number) + before + after - span) / (strides[i] as number)) + 1;
  });
  return [n as Dim, outputs as Dim, ...own];
}

/** Convolves backwards: the whole result is computed, and padding is cut off. */
function transposed(given: Call): Value {
  const isSignal = input(given, 0, "X").shape.length === 3;
  const call = isSignal ? overImages(given) : given;
  const { g } = call;
  const x = asImage(call, input(call, 0, "X"));
  const weights = dilated(asImage(call, input(call, 1, "W")), ints(call, "dilations") ?? [1, 1]);
  const groups = int(call, "group", 1);
  const own = numbers(weights.shape, "W") as [number, number, number, number];
  const perGroup = own[0] / groups;
  const results = Array.from({ length: groups }, (_, i) => {
    const part = slice(g, x, [{ axis: 1, begin: i * perGroup, size: perGroup }]);
    return backwards(call, part, slice(g, weights, [{ axis: 0, begin: i * perGroup, size: perGroup }]));
  });
  const whole = concat(g, results, 1);
  const bias = call.inputs[2];
  const found = bias ? binary(g, "AddV2", whole, reshape(g, bias, [bias.shape[0] as Dim, 1, 1])) : whole;
  return isSignal ? squeezed(g, found, 2) : found;
}

function dilated(weights: Value, dilations: number[]): Value {
  const none = { kernel: [], strides: [2, 2], pads: [], sizes: [] };
  return spread(weights, { ...none, dilations }).weights;
}

function backwards(call: Call, x: Value, weights: Value): Value {
  const { g } = call;
  const [, outputs, height, width] = weights.shape as [number, number, number, number];
  const image = numbers(x.shape.slice(2), "the image's size");
  const strides = ints(call, "strides") ?? [1, 1];
  const spans = [height, width];
  const full = image.map((size, i) => (size - 1) * (strides[i] as number) + (spans[i] as number));
  const parts = image.map((size, i) => partOfFull(call, size, full[i] as number, i, strides, spans));
  const [n] = x.shape as [Dim];
  const shape: Dim[] = [n, outputs, ...full];
  const size = g.dims([n, ...full, outputs]);
  const filter = transpose(weights, [2, 3, 1, 0]);
  const whole = computed(
    g,
    "Conv2DBackpropInput",
    [size, at(g, filter), at(g, x, images)],
    { dtype: "float32", shape, layout: images },
    { strides: attr.ints([1, ...strides, 1]), padding: attr.text("VALID"), data_format: attr.text("NHWC") },
  );
  const missing = new Map(parts.map(({ end }, i) => [i + 2, [0, Math.max(0, end - (full[i] as number))] as const]));
  const cut = parts.map(({ begin, end }, i) => ({ axis: i + 2, begin, size: end - begin }));
  return slice(g, pad(g, whole, missing, 0), cut);
}

// What is left of an axis without its padding.
function partOfFull(
  call: Call,
  image: number,
  full: number,
  i: number,
  strides: readonly number[],
  spans: readonly number[],
): { begin: number; end: number } {
  const extra = ints(call, "output_padding")?.[i] ?? 0;
  const wanted = ints(call, "output_shape")?.slice(-2);
  const mode = text(call, "auto_pad", "NOTSET");
  const isSame = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  if (wanted || isSame) {
    const size = wanted ? (wanted[i] as number) : image * (strides[i] as number);
    const total = full + extra - size;
    const less = Math.floor(total / 2);
    const begin = mode === "SAME_UPPER" ? less : total - less;
    return { begin, end: begin + size };
  }
  const sizes = [image, image];
  const [before, after] = padsOf(call, sizes, spans, strides)[i] as [number, number];
  return { begin: before, end: full + extra - after };
}

/** Operators that convolve images and signals. */
export const convolutions: Record<string, Convert> = { Conv: convolution, ConvTranspose: transposed };
