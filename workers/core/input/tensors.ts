import type { Instance, Nested, TensorNetwork, TensorSpec } from "../contract/index.ts";
import type { Tensor } from "../model/engine.ts";
import { fail, ok, type Result } from "../result.ts";
import { describe } from "./describe.ts";
import type { InputFault } from "./fault.ts";
import { sizeOf } from "./index.ts";
import { readNested } from "./nested.ts";

/**
 * Encodes instances of a tensor model as its inputs, one row each, or returns all faults. An instance contains the (nested)
 * numbers of the only input, or of each input by name.
 */
export function encodeTensors(
  { inputs }: Pick<TensorNetwork, "inputs">,
  instances: readonly Instance[],
): Result<Record<string, Tensor>, (InputFault & { index: number })[]> {
  const faults: (InputFault & { index: number })[] = [];
  const encoded = inputs.map((spec): [string, Tensor] => {
    const rows = instances.map((instance, index) => {
      const own: InputFault[] = [];
      const row = encodeOne(spec, partOf(instance, inputs, spec, own), own);
      const prefix = inputs.length > 1 ? `${spec.name}` : "";
      faults.push(...own.map((fault) => ({ index, ...fault, path: `${prefix}${fault.path}` })));
      return row;
    });
    return [spec.name, stack(spec, rows, faults)];
  });
  for (const [index, instance] of instances.entries()) faults.push(...strangers(instance, inputs, index));
  return faults.length > 0 ? fail(faults) : ok(Object.fromEntries(encoded));
}

/** Decodes a row of a tensor to nested arrays; NaN and infinities become null. */
export function decodeRow({ shape, values }: Tensor, row: number): unknown {
  const own = shape.slice(1);
  const size = sizeOf(own);
  const nested = (dimensions: readonly number[], offset: number): unknown => {
    const [count, ...rest] = dimensions;
    if (count === undefined) return Number.isFinite(values[offset]) ? values[offset] : null;
    const step = sizeOf(rest);
    return Array.from({ length: count }, (_, i) => nested(rest, offset + i * step));
  };
  return nested(own, row * size);
}

function partOf(
  instance: Instance,
  inputs: readonly TensorSpec[],
  { name }: TensorSpec,
  faults: InputFault[],
): Nested[] {
  if (Array.isArray(instance)) {
    if (inputs.length === 1) return instance;
    faults.push({ path: "", expected: `the inputs by name: ${namesOf(inputs)}`, received: describe(instance) });
    return [];
  }
  const part = Object.hasOwn(instance, name) ? instance[name] : undefined;
  // A scalar is a tensor of one value.
  if (Array.isArray(part)) return part;
  if (typeof part === "number") return [part];
  faults.push({ path: "", expected: `the numbers of input '${name}'`, received: describe(part) });
  return [];
}

function strangers(
  instance: Instance,
  inputs: readonly TensorSpec[],
  index: number,
): (InputFault & { index: number })[] {
  if (Array.isArray(instance)) return [];
  const unknown = Object.keys(instance).filter((name) => !inputs.some((input) => input.name === name));
  return unknown
    .slice(0, 3)
    .map((path) => ({ index, path, expected: `one of ${namesOf(inputs)}`, received: "an unknown input" }));
}

function encodeOne({ shape, dtype }: TensorSpec, part: Nested[], faults: InputFault[]): Tensor {
  const found = shape.map((size, depth) => (size < 0 ? lengthAt(part, depth) : size));
  if (faults.length > 0) return { shape: found, values: new Float32Array(sizeOf(found)) };
  const values = readNested(found, part, (value) => taken(value, dtype), faults);
  return { shape: found, values: dtype === "float32" ? values : Int32Array.from(values) };
}

function taken(value: number, dtype: TensorSpec["dtype"]): number | { expected: string } {
  switch (dtype) {
    case "float32":
      return Number.isFinite(Math.fround(value)) ? value : { expected: "a finite float32" };
    case "int32":
      return Number.isInteger(value) && Math.abs(value) <= 2 ** 24 ? value : { expected: "an integer of 2^24 at most" };
    case "bool":
      return value === 0 || value === 1 ? value : { expected: "0 or 1" };
  }
}

function lengthAt(part: Nested[], depth: number): number {
  let at: Nested | undefined = part;
  for (let i = 0; i < depth; i++) at = Array.isArray(at) ? at[0] : undefined;
  return Array.isArray(at) ? at.length : 0;
}

function stack(
  { name, dtype }: TensorSpec,
  rows: readonly Tensor[],
  faults: (InputFault & { index: number })[],
): Tensor {
  const [first] = rows as [Tensor];
  const odd = rows.findIndex(({ shape }) => shape.join() !== first.shape.join());
  if (odd >= 0 && faults.length === 0) {
    const expected = `'${name}' of one shape in all instances of a batch: [${first.shape}]`;
    faults.push({ index: odd, path: name, expected, received: `[${rows[odd]?.shape}]` });
  }
  const size = sizeOf(first.shape);
  const values = new (dtype === "float32" ? Float32Array : Int32Array)(odd >= 0 ? 0 : rows.length * size);
  if (odd < 0) for (const [i, row] of rows.entries()) values.set(row.values, i * size);
  return { shape: [rows.length, ...first.shape], values };
}

function namesOf(inputs: readonly TensorSpec[]): string {
  return inputs.map(({ name }) => `'${name}'`).join(", ");
}
