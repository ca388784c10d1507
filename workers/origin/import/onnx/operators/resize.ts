import { axisOf, type Call, type Convert, dimsIn, input, int, numbersIn, text } from "../call.ts";
import { type Dim, isKnown, numbers } from "../dims.ts";
import { binary } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { at, computed } from "../layout.ts";
import { gather } from "../moves.ts";
import { attr } from "../tf-graph.ts";
import { channelsLast, identity, knownValue, type Value } from "../values.ts";

/** An axis that changes its size: the place in the original of each element of the result. */
interface Resized {
  axis: number;
  before: number;
  after: number;
  places: number[];
}

function resize(call: Call): Value {
  const x = input(call, 0, "X");
  refuseOthers(call);
  const all = resizedAxes(call, x).filter(
    ({ places }) => places.some((place, i) => place !== i) || places.length === 0,
  );
  const changed = resizedAxes(call, x).filter(({ before, after }) => before !== after);
  const axes = changed.length > 0 ? changed : all;
  if (axes.length === 0) return x;
  const mode = text(call, "mode", "nearest");
  const byKernel = kernelFor(call, x, axes, mode);
  if (byKernel) return byKernel;
  return axes.reduce((value, one) => (mode === "nearest" ? nearest(call, value, one) : linear(call, value, one)), x);
}

function refuseOthers(call: Call): void {
  const mode = text(call, "mode", "nearest");
  if (mode !== "nearest" && mode !== "linear") {
    throw new OnnxError(`Resize with mode '${mode}' is not supported; nearest and linear are`);
  }
  const policy = text(call, "keep_aspect_ratio_policy", "stretch");
  if (int(call, "antialias", 0) !== 0 || policy !== "stretch") {
    throw new OnnxError(
      "Resize with antialias or keep_aspect_ratio_policy is not supported. Resize the picture before",
    );
  }
}

function resizedAxes(call: Call, x: Value): Resized[] {
  const rank = x.shape.length;
  const scales = numbersIn(call, 2, "scales");
  const sizes = dimsIn(call, 3, "sizes");
  const named = call.node.attribute.find(({ name }) => name === "axes")?.ints;
  const axes = named ? named.map((axis) => axisOf(axis, rank)) : identity(rank);
  return axes.flatMap((axis, i): Resized[] => {
    const size = x.shape[axis] as Dim;
    const scale = scales && scales.length > 0 ? (scales[i] as number) : null;
    // The batch stays as it is.
    if (!isKnown(size) && (scale === 1 || scale === null)) return [];
    const [before] = numbers([size], "an axis that it resizes") as [number];
    if (scale === null && !sizes) throw new OnnxError("Resize needs 'scales' or 'sizes'. Export the model again");
    const after = scale === null ? (numbers([sizes?.[i] as Dim], "a size")[0] as number) : Math.floor(before * scale);
    const places = Array.from({ length: after }, (_, place) =>
      placeOf(call, place, before, after, scale ?? after / before),
    );
    return [{ axis, before, after, places }];
  });
}

function placeOf(call: Call, i: number, before: number, after: number, scale: number): number {
  const mode = text(call, "coordinate_transformation_mode", "half_pixel");
  switch (mode) {
    case "half_pixel":
      return (i + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return after > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case "half_pixel_symmetric": {
      const adjustment = after / (scale * before);
      return (before / 2) * (1 - adjustment) + (i + 0.5) / scale - 0.5;
    }
    case "align_corners":
      return after === 1 ? 0 : (i * (before - 1)) / (after - 1);
    case "asymmetric":
      return i / scale;
    default:
      throw new OnnxError(`Resize with coordinate_transformation_mode '${mode}' is not supported`);
  }
}

const rounding: Record<string, (place: number) => number> = {
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

const inside = (place: number, size: number) => Math.min(size - 1, Math.max(0, place));

function nearestOf(call: Call, { places, before }: Resized): number[] {
  const round = rounding[text(call, "nearest_mode", "round_prefer_floor")];
  if (!round) throw new OnnxError("Resize with this nearest_mode is not supported");
  return places.map((place) => inside(round(place), before));
}

// A kernel takes both sides of an image at once, where its places are the same.
function kernelFor(call: Call, x: Value, axes: readonly Resized[], mode: string): Value | null {
  if (x.shape.length !== 4 || axes.some(({ axis }) => axis < 2)) return null;
  const way = text(call, "coordinate_transformation_mode", "half_pixel");
  const isAligned = way === "align_corners";
  const places = (one: Resized) => {
    const scale = one.before / one.after;
    if (mode === "nearest") return one.places.map((_, i) => inside(Math.floor(i * scale), one.before));
    if (isAligned) return one.places;
    return one.places.map((_, i) => (way === "asymmetric" ? i * scale : (i + 0.5) * scale - 0.5));
  };
  const fits = axes.every((one) => {
    const own = mode === "nearest" ? nearestOf(call, one) : one.places;
    return places(one).every((place, i) => Math.abs(place - (own[i] as number)) < 1e-9);
  });
  if (!fits) return null;
  const { g } = call;
  const layout = channelsLast(4);
  const shape = x.shape.map((dim, axis) => axes.find((one) => one.axis === axis)?.after ?? dim);
  const size = g.ints(numbers(shape.slice(2), "its size"));
  const isLinear = mode === "linear";
  return computed(
    g,
    isLinear ? "ResizeBilinear" : "ResizeNearestNeighbor",
    [at(g, x, layout), size],
    { dtype: "float32", shape, layout },
    {
      align_corners: attr.bool(isLinear && isAligned),
      half_pixel_centers: attr.bool(isLinear && !isAligned && way !== "asymmetric"),
    },
  );
}

function nearest(call: Call, x: Value, one: Resized): Value {
  const indices = nearestOf(call, one);
  return gather(call.g, x, knownValue("int32", [indices.length], indices), one.axis);
}

function linear(call: Call, x: Value, { axis, before, places }: Resized): Value {
  const { g } = call;
  const neighbour = (offset: number) => {
    const indices = places.map((place) => inside(Math.floor(place) + offset, before));
    return gather(g, x, knownValue("int32", [indices.length], indices), axis);
  };
  const shares = Float32Array.from(places, (place) => place - Math.floor(place));
  const share = knownValue("float32", [shares.length, ...Array(x.shape.length - axis - 1).fill(1)], shares);
  const low = neighbour(0);
  return binary(g, "AddV2", low, binary(g, "Mul", binary(g, "Sub", neighbour(1), low), share));
}

/** Operators that change the size of images. */
export const resizing: Record<string, Convert> = { Resize: resize };
