import { FaultError } from "#core/http/fault.ts";
import { describe } from "#core/input/describe.ts";
import { sizeOf } from "#core/input/index.ts";
import { type DatatypeName, jsonOf, type Value } from "./datatypes.ts";

/** Numbers as they came in binary, or leave so: nothing in between makes each of them a value of its own. */
export type NumberArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** A named tensor with its values in row-major order. */
export interface NamedTensor {
  name: string;
  datatype: DatatypeName;
  shape: number[];
  data: Value[] | NumberArray;
}

/** Returns a tensor's values as a list, as JSON has them. */
export function listOf({ data }: Pick<NamedTensor, "data">): Value[] {
  return Array.isArray(data) ? data : Array.from(data);
}

/** The name, type and shape of an input or output. A dimension of -1 is the batch. */
export interface TensorMetadata {
  name: string;
  datatype: DatatypeName;
  shape: number[];
  /** The class of each score, in order. */
  labels?: string[];
}

/** Makes the fault for a part of a request that does not match the model. */
export function misfit(path: string, expected: string, received: string): FaultError {
  return new FaultError({ kind: "invalid", errors: [{ path, expected, received }] });
}

/** Reads a tensor's values from JSON, either flat or nested by the shape. */
export function valuesOfJson(path: string, datatype: DatatypeName, shape: readonly number[], json: unknown): Value[] {
  const size = sizeOf(shape);
  const { take, expected } = jsonOf(datatype);
  if (!Array.isArray(json)) throw misfit(path, `an array of ${size} values, flat or nested`, describe(json));
  const isFlat = !Array.isArray(json[0]);
  const dimensions = isFlat ? [size] : shape;
  const values: Value[] = [];
  const read = (part: unknown, depth: number): void => {
    if (depth === dimensions.length) {
      const value = take(part);
      if (value === null) throw misfit(path, expected, describe(part));
      values.push(value);
      return;
    }
    if (!Array.isArray(part) || part.length !== dimensions[depth]) {
      throw misfit(path, `of shape [${shape}], with ${dimensions[depth]} values at depth ${depth}`, describe(part));
    }
    for (const inner of part) read(inner, depth + 1);
  };
  read(json, 0);
  return values;
}

/** Nests a tensor's values by its shape. */
export function nestedOf({ shape, data }: Pick<NamedTensor, "shape" | "data">): unknown[] {
  let nested: unknown[] = listOf({ data });
  for (const dimension of shape.slice(1).reverse()) {
    nested = Array.from({ length: nested.length / dimension }, (_, i) =>
      nested.slice(i * dimension, (i + 1) * dimension),
    );
  }
  return nested;
}
