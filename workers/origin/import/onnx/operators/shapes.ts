import {
  axisOf,
  type Call,
  type Convert,
  dimsIn,
  float,
  floats,
  hasAttribute,
  input,
  int,
  ints,
  listOf,
  numbersIn,
} from "../call.ts";
import { type Dim, isKnown, product } from "../dims.ts";
import { expand, scalar } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { completed, concat, reshape, transpose } from "../moves.ts";
import { identity, knownValue, numbersOf, type Value } from "../values.ts";

function reshapeOf(call: Call): Value {
  const x = input(call, 0, "data");
  const given = dimsIn(call, 1, "shape") ?? [];
  const keepsZero = int(call, "allowzero", 0) === 1;
  const shape = given.map((dim, i) => (dim === 0 && !keepsZero ? (x.shape[i] ?? 0) : dim));
  return reshape(call.g, x, completed(x, shape));
}

function flatten(call: Call): Value {
  const x = input(call, 0, "input");
  const axis = int(call, "axis", 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  return reshape(call.g, x, [product(x.shape.slice(0, at)), product(x.shape.slice(at))]);
}

function squeeze(call: Call): Value {
  const x = input(call, 0, "data");
  const rank = x.shape.length;
  const given = listOf(call, "axes", 1)?.map((axis) => axisOf(axis, rank));
  const axes = given ?? identity(rank).filter((axis) => x.shape[axis] === 1);
  const wrong = axes.find((axis) => x.shape[axis] !== 1);
  if (wrong !== undefined) throw new OnnxError(`it drops axis ${wrong}, which has more than one element`);
  return reshape(
    call.g,
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

function unsqueeze(call: Call): Value {
  const x = input(call, 0, "data");
  const given = listOf(call, "axes", 1) ?? [];
  const rank = x.shape.length + given.length;
  const axes = given.map((axis) => axisOf(axis, rank));
  const rest = [...x.shape];
  return reshape(
    call.g,
    x,
    Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() as Dim))),
  );
}

function transposeOf(call: Call): Value {
  const x = input(call, 0, "data");
  return transpose(x, ints(call, "perm") ?? identity(x.shape.length).reverse());
}

function concatOf(call: Call): Value {
  const values = call.inputs.map((_, i) => input(call, i, `inputs[${i}]`));
  const rank = values[0]?.shape.length ?? 0;
  const filled = values.filter(({ shape }) => !shape.includes(0));
  return concat(call.g, filled.length > 0 ? filled : values.slice(0, 1), axisOf(int(call, "axis", 0), rank));
}

function shapeOf(call: Call): Value {
  const { shape } = input(call, 0, "data");
  const from = int(call, "start", 0);
  const part = hasAttribute(call, "end") ? shape.slice(from, int(call, "end", 0)) : shape.slice(from);
  return knownValue("int32", [part.length], part);
}

function expandOf(call: Call): Value {
  return expand(call.g, input(call, 0, "input"), dimsIn(call, 1, "shape") ?? []);
}

function tile(call: Call): Value {
  const x = input(call, 0, "input");
  const repeats = dimsIn(call, 1, "repeats") ?? [];
  // Repeating an axis of one element is a broadcast; other axes get one beside them.
  const shape = x.shape.flatMap((dim, axis) => (repeats[axis] === 1 ? [dim] : [1, dim]));
  const wide = x.shape.flatMap((dim, axis) => (repeats[axis] === 1 ? [dim] : [repeats[axis] as Dim, dim]));
  const whole = x.shape.map((dim, axis) => product([dim, repeats[axis] as Dim]));
  return reshape(call.g, expand(call.g, reshape(call.g, x, shape), wide), whole);
}

function constant(call: Call): Value {
  const value = call.tensor("value");
  if (value) return value;
  if (hasAttribute(call, "value_float")) return scalar(float(call, "value_float", 0));
  if (hasAttribute(call, "value_int")) return scalar(int(call, "value_int", 0), "int32");
  const list = floats(call, "value_floats");
  if (list && list.length > 0) return knownValue("float32", [list.length], Float32Array.from(list));
  const whole = ints(call, "value_ints");
  if (whole) return knownValue("int32", [whole.length], whole);
  throw new OnnxError("a constant of this kind is not supported; tensors and numbers are");
}

function constantOfShape(call: Call): Value {
  const shape = dimsIn(call, 0, "input") ?? [];
  const value = call.tensor("value");
  const element = value ? (numbersOf(value)?.[0] ?? 0) : 0;
  return knownValue(value?.dtype ?? "float32", shape, [element], { uniform: true });
}

function range(call: Call): Value {
  const { dtype } = input(call, 0, "start");
  const [from, to, by] = ["start", "limit", "delta"].map((name, i) => numbersIn(call, i, name)?.[0]) as number[];
  const [start, limit, delta] = [from, to, by] as [number, number, number];
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  const data = Array.from({ length }, (_, i) => start + i * delta);
  return knownValue(dtype, [length], dtype === "float32" ? Float32Array.from(data) : data);
}

// Blocks of channels and of pixels change places.
function depthToSpace(call: Call): Value {
  const x = input(call, 0, "input");
  const [n, c, h, w] = x.shape as [Dim, number, number, number];
  const block = int(call, "blocksize", 1);
  const depth = c / (block * block);
  const isColumns = call.node.attribute.some(({ name, s }) => name === "mode" && s === "CRD");
  const shape = isColumns ? [n, depth, block, block, h, w] : [n, block, block, depth, h, w];
  const order = isColumns ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return reshape(call.g, transpose(reshape(call.g, x, shape), order), [n, depth, h * block, w * block]);
}

function spaceToDepth(call: Call): Value {
  const x = input(call, 0, "input");
  const [n, c, h, w] = x.shape as [Dim, number, number, number];
  const block = int(call, "blocksize", 1);
  const split = reshape(call.g, x, [n, c, h / block, block, w / block, block]);
  return reshape(call.g, transpose(split, [0, 3, 5, 1, 2, 4]), [n, c * block * block, h / block, w / block]);
}

function eyeLike(call: Call): Value {
  const [rows, columns] = input(call, 0, "input").shape;
  if (!isKnown(rows as Dim) || !isKnown(columns as Dim)) throw new OnnxError("its size depends on the batch");
  const k = int(call, "k", 0);
  const [height, width] = [rows as number, columns as number];
  const data = Float32Array.from({ length: height * width }, (_, i) =>
    (i % width) - Math.floor(i / width) === k ? 1 : 0,
  );
  return knownValue("float32", [height, width], data);
}

/** Operators that arrange elements, and that compute shapes. */
export const shapes: Record<string, Convert> = {
  ...{ Reshape: reshapeOf, Flatten: flatten, Squeeze: squeeze, Unsqueeze: unsqueeze, Transpose: transposeOf },
  ...{ Concat: concatOf, Shape: shapeOf, Expand: expandOf, Tile: tile, Constant: constant, Range: range },
  ...{ ConstantOfShape: constantOfShape, DepthToSpace: depthToSpace, SpaceToDepth: spaceToDepth, EyeLike: eyeLike },
  Size: (call) => knownValue("int32", [], [product(input(call, 0, "data").shape)]),
};
