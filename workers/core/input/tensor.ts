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

function isFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}
