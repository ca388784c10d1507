import type { Instance, Nested, TensorInput } from "../contract/index.ts";
import { describe } from "./describe.ts";
import type { InputFault } from "./index.ts";

export function encodeTensor(input: TensorInput, instance: Instance, faults: InputFault[]): Float32Array {
  const size = input.shape.reduce((product, dimension) => product * dimension, 1);
  const out = new Float32Array(size);
  const fault = (path: string, expected: string, received: string) => faults.push({ path, expected, received });
  if (!Array.isArray(instance)) {
    fault("", `numbers of shape [${input.shape}]`, describe(instance));
    return out;
  }
  const isFlat = instance.every((value) => typeof value === "number");
  const shape = isFlat && instance.length === size ? [size] : input.shape;
  let next = 0;
  const write = (value: Nested | undefined, depth: number, path: string): void => {
    if (faults.length > 0) return;
    if (depth === shape.length) {
      if (typeof value !== "number") fault(path, `a number at depth ${depth}`, describe(value));
      else if (!isFloat32(value) || !isFloat32(value * input.scale + input.offset))
        fault(path, "a finite float32, before and after scaling", describe(value));
      else if (input.dtype === "int32" && !Number.isInteger(value)) fault(path, "an integer", describe(value));
      else out[next++] = value * input.scale + input.offset;
      return;
    }
    if (!Array.isArray(value) || value.length !== shape[depth]) {
      fault(path, `shape [${input.shape}]: ${shape[depth]} values at depth ${depth}`, describe(value));
      return;
    }
    value.forEach((part, i) => void write(part, depth + 1, `${path}[${i}]`));
  };
  write(instance, 0, "");
  return out;
}

function isFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}
