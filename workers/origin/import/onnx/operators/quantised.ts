import { axisOf, type Call, type Convert, input, int } from "../call.ts";
import { type Dim, isKnown } from "../dims.ts";
import { binary, cast, roundEven, scalar, unary } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { reshape } from "../moves.ts";
import { matmul } from "../products.ts";
import { reduce } from "../reductions.ts";
import { limitsOf } from "../tensors.ts";
import { identity, knownValue, numbersOf, type Value } from "../values.ts";
import { clip } from "./elementwise.ts";

const unsigned: readonly [number, number] = [0, 255];

/** The scales and zero points of a tensor, or of each index on an axis. */
interface Steps {
  scales: ArrayLike<number>;
  zeros: ArrayLike<number>;
  axis: number;
}

function stepsOf(call: Call, rank: number): Steps {
  if (int(call, "block_size", 0) !== 0) {
    throw new OnnxError(
      "scales for blocks are not supported; one for the tensor, or one for each index on an axis, is",
    );
  }
  const scales = numbersOf(input(call, 1, "scale"));
  const point = call.inputs[2];
  const zeros = point ? numbersOf(point) : Array(scales?.length ?? 1).fill(0);
  if (!scales || !zeros)
    throw new OnnxError("its scale or zero point is computed at run time, and has to be a constant");
  return { scales, zeros, axis: scales.length === 1 ? 0 : axisOf(int(call, "axis", 1), rank) };
}

// A list with an entry for each index on the axis, in the rank of the tensor.
function along(call: Call, list: ArrayLike<number>, axis: number, rank: number): Value {
  if (list.length === 1) return scalar(list[0] as number);
  const own = knownValue("float32", [list.length], Float32Array.from(list));
  return reshape(
    call.g,
    own,
    identity(rank).map((i) => (i === axis ? list.length : 1)),
  );
}

/** Multiplies by the scale. Constants keep their 8 bits; what is computed is a whole number held as a float. */
function dequantise(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "x");
  const rank = x.shape.length;
  const steps = stepsOf(call, rank);
  const known = numbersOf(x);
  if (known && x.shape.every(isKnown)) return ofCodes(known, x.shape as number[], steps);
  const centred = binary(g, "Sub", cast(g, x, "float32"), along(call, steps.zeros, steps.axis, rank));
  return binary(g, "Mul", centred, along(call, steps.scales, steps.axis, rank));
}

function ofCodes(codes: ArrayLike<number>, shape: number[], { scales, zeros, axis }: Steps): Value {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const size = scales.length;
  const index = (i: number) => (size === 1 ? 0 : Math.floor(i / inner) % size);
  const data = Float32Array.from(codes, (code, i) => {
    return (code - (zeros[index(i)] as number)) * (scales[index(i)] as number);
  });
  const zero = zeros[0] as number;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < codes.length; i++) {
    low = Math.min(low, codes[i] as number);
    high = Math.max(high, codes[i] as number);
  }
  const isBytes = codes.length > 0 && high - low <= 255 && Array.prototype.every.call(zeros, (z: number) => z === zero);
  if (!isBytes) return knownValue("float32", shape, data);
  const bytes = Uint8Array.from(codes, (code) => code - low);
  const one = scales[0] as number;
  if (size === 1) {
    const stored = { type: "uint8" as const, codes: bytes, scale: one, min: (low - zero) * one };
    return knownValue("float32", shape, data, { stored });
  }
  const by = { axis, factors: Float32Array.from(scales) };
  return knownValue("float32", shape, data, {
    stored: { type: "uint8", codes: bytes, scale: 1, min: low - zero, by },
  });
}

/** Divides by the scale, rounds and limits; the whole numbers are held as floats where they are computed. */
function quantise(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "x");
  const rank = x.shape.length;
  const { scales, zeros, axis } = stepsOf(call, rank);
  const type = int(call, "output_dtype", 0);
  const [low, high] = call.inputs[2]?.known?.limits ?? limitsOf(type) ?? unsigned;
  const known = numbersOf(x);
  if (known && x.shape.every(isKnown)) {
    const inner = x.shape.slice(axis + 1).reduce<number>((a, b) => a * (b as number), 1);
    const data = Float64Array.from(known, (value, i) => {
      const at = scales.length === 1 ? 0 : Math.floor(i / inner) % scales.length;
      const code = roundEven(Math.fround(value / (scales[at] as number))) + (zeros[at] as number);
      return Math.min(high, Math.max(low, code));
    });
    return knownValue("int32", x.shape, data, { limits: [low, high] });
  }
  const scaled = binary(g, "RealDiv", x, along(call, scales, axis, rank));
  const code = binary(g, "AddV2", unary(g, "Round", scaled), along(call, zeros, axis, rank));
  return clip(g, code, low, high);
}

/** Quantises by the range of the values themselves. */
function quantiseByRange(call: Call): Value[] {
  const { g } = call;
  const x = input(call, 0, "x");
  const axes = identity(x.shape.length);
  if (!isKnown(x.shape[0] as Dim) || x.shape[0] !== 1) {
    throw new OnnxError(
      "DynamicQuantizeLinear takes its scale from all instances of a batch, so that they would change each other's " +
        "answers. Export the model for one instance, or quantise its weights alone",
    );
  }
  const low = binary(g, "Minimum", reduce(g, "Min", x, axes, false), scalar(0));
  const high = binary(g, "Maximum", reduce(g, "Max", x, axes, false), scalar(0));
  const scale = binary(g, "Mul", binary(g, "Sub", high, low), scalar(1 / 255));
  const zero = clip(g, unary(g, "Round", unary(g, "Neg", binary(g, "RealDiv", low, scale))), 0, 255);
  const code = binary(g, "AddV2", unary(g, "Round", binary(g, "RealDiv", x, scale)), zero);
  return [clip(g, code, 0, 255), scale, zero];
}

/** Multiplies whole numbers, which are exact as floats up to 2^24. */
function matmulInteger(call: Call): Value {
  const { g } = call;
  const centred = (i: number, name: string) => {
    const value = cast(g, input(call, i, name), "float32");
    const zero = call.inputs[i + 2];
    return zero ? binary(g, "Sub", value, cast(g, zero, "float32")) : value;
  };
  return matmul(g, centred(0, "A"), centred(1, "B"));
}

/** Operators of 8-bit models. */
export const quantised: Record<string, Convert> = {
  ...{ DequantizeLinear: dequantise, QuantizeLinear: quantise },
  ...{ DynamicQuantizeLinear: quantiseByRange, MatMulInteger: matmulInteger },
};
