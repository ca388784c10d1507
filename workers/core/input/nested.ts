import type { Instance, Nested } from "../contract/index.ts";
import { describe } from "./describe.ts";
import type { InputFault } from "./fault.ts";

/** Converts a value, or returns what was expected instead. */
export type Take = (value: number) => { expected: string } | number;

/**
 * Reads an array of a shape, nested or flat, value by value, into float32. Stops at the first value that `take` rejects.
 */
export function readNested(
  shape: readonly number[],
  instance: Instance,
  take: Take,
  faults: InputFault[],
): Float32Array {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const out = new Float32Array(size);
  const fault = (path: string, expected: string, received: unknown) =>
    faults.push({ path, expected, received: describe(received) });
  if (!Array.isArray(instance)) {
    fault("", `numbers of shape [${shape}]`, instance);
    return out;
  }
  const isFlat = typeof instance[0] === "number" && instance.length === size;
  const dimensions = isFlat ? [size] : shape;
  let next = 0;
  // The path is built on the way back and only for a fault: images have many values.
  const read = (value: Nested | undefined, depth: number): string | null => {
    if (depth === dimensions.length) return readValue(value, depth);
    if (!Array.isArray(value) || value.length !== dimensions[depth]) {
      fault("", `shape [${shape}]: ${dimensions[depth]} values at depth ${depth}`, value);
      return "";
    }
    for (let i = 0; i < value.length; i++) {
      const path = read(value[i], depth + 1);
      if (path !== null) return `[${i}]${path}`;
    }
    return null;
  };
  const readValue = (value: Nested | undefined, depth: number): string | null => {
    const taken = typeof value === "number" ? take(value) : { expected: `a number at depth ${depth}` };
    if (typeof taken === "number") {
      out[next++] = taken;
      return null;
    }
    fault("", taken.expected, value);
    return "";
  };
  const path = read(instance, 0);
  const last = faults.at(-1);
  if (path !== null && last) last.path = path;
  return out;
}
