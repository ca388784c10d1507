import type { TensorType } from "#core/contract/index.ts";
import type { Value } from "./datatypes.ts";
import { misfit, type NamedTensor, type NumberArray } from "./tensor.ts";

/** The values that each type of a network's tensors represents exactly. */
const types: Record<TensorType, { holds: (value: Value) => boolean; expected: string }> = {
  float32: {
    holds: (value) => typeof value === "number" && Number.isFinite(value) && Math.fround(value) === value,
    expected: "finite numbers that FP32 represents exactly",
  },
  int32: { holds: (value) => typeof value === "number" && (value | 0) === value, expected: "integers of 32 bits" },
  bool: { holds: (value) => value === true || value === false, expected: "values of the datatype BOOL" },
};

/** Checks that the network's type represents every value exactly, since rounding would change the question. */
export function exactly(type: TensorType, { name, datatype, data }: NamedTensor): number[] | NumberArray {
  const { holds, expected } = types[type];
  if (type === "float32" && data instanceof Float32Array && isFinite32(data)) return data;
  const lost = firstLost(data, holds);
  if (lost < 0) return type === "bool" ? Array.from(data, Number) : (data as number[] | NumberArray);
  throw misfit(name, expected, `${JSON.stringify(data[lost])} as ${datatype}`);
}

function isFinite32(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

function firstLost(data: NamedTensor["data"], holds: (value: Value) => boolean): number {
  for (let i = 0; i < data.length; i++) if (!holds(data[i] as Value)) return i;
  return -1;
}
