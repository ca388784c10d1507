import type { Instance, TensorInput } from "../contract/index.ts";
import type { InputFault } from "./fault.ts";
import { readNested } from "./nested.ts";

/** Encodes an instance of numbers as one tensor, or collects its faults. */
export function encodeTensor(input: TensorInput, instance: Instance, faults: InputFault[]): Float32Array {
  const { shape, dtype, scale, offset } = input;
  const take = (value: number) => {
    const scaled = value * scale + offset;
    if (!isFloat32(value) || !isFloat32(scaled)) return { expected: "a finite float32, before and after scaling" };
    return dtype === "int32" && !Number.isInteger(value) ? { expected: "an integer" } : scaled;
  };
  return readNested(shape, instance, take, faults);
}

/** Encodes rows of numbers, each the values of one tensor; null where one is not what the input takes. */
export function encodeNumbers(
  { shape, dtype, scale, offset, regions = [] }: TensorInput,
  values: ArrayLike<number>,
  rows: number,
  region: string,
): Float32Array | null {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (values.length !== rows * size) return null;
  const width = size + regions.length;
  const out = new Float32Array(rows * width);
  const own = regions.indexOf(region);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    for (let i = 0; i < size; i++) {
      const value = values[row * size + i] as number;
      out[start + i] = value * scale + offset;
      if (!isFloat32(value) || !Number.isFinite(out[start + i])) return null;
      if (dtype === "int32" && !Number.isInteger(value)) return null;
    }
    if (own >= 0) out[start + size + own] = 1;
  }
  return out;
}

function isFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}
