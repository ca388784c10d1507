import { describe } from "../../../core/input/describe.ts";
import { limits } from "../../../core/limits.ts";
import { misfit, type Tensor, type TensorSpec, valuesOfJson } from "../tensor.ts";
import type { PredictRequest } from "./schema.ts";

type Columns = Record<string, unknown>;

/** A predict request's tensors, whichever way it puts them. */
export function tensorsOf({ instances, inputs }: PredictRequest, specs: readonly TensorSpec[]): Tensor[] {
  const columns = instances === undefined ? columnsOfInputs(inputs, specs) : columnsOfRows(instances, specs);
  return Object.entries(columns).map(([name, json]) => {
    const spec = specs.find((one) => one.name === name);
    const names = specs.map((one) => one.name).join(", ");
    if (!spec) throw misfit("inputs", `inputs of the names ${names}`, `input '${name}'`);
    return tensorOf(spec, json);
  });
}

function columnsOfInputs(inputs: unknown, specs: readonly TensorSpec[]): Columns {
  return isObject(inputs) ? inputs : { [onlyName("inputs", inputs, specs)]: inputs };
}

function columnsOfRows(instances: unknown, specs: readonly TensorSpec[]): Columns {
  const rows = Array.isArray(instances) ? instances : [];
  if (rows.length < 1 || rows.length > limits.batchMaxQuestions) {
    throw misfit("instances", `an array of 1 to ${limits.batchMaxQuestions} instances`, describe(instances));
  }
  if (!rows.some(isObject)) return { [onlyName("instances", rows[0], specs)]: rows };
  for (const row of rows)
    if (!isObject(row)) throw misfit("instances", "objects alone, or values alone", describe(row));
  const names = new Set(rows.flatMap((row: Columns) => Object.keys(row)));
  // A value that a row leaves out is missing there.
  return Object.fromEntries([...names].map((name) => [name, rows.map((row: Columns) => row[name] ?? null)]));
}

function onlyName(path: string, value: unknown, specs: readonly TensorSpec[]): string {
  const [only, ...others] = specs;
  if (only && others.length === 0) return only.name;
  const names = specs.map(({ name }) => name).join(", ");
  throw misfit(path, `objects of the inputs ${names}`, describe(value));
}

function tensorOf({ name, datatype, shape: [, ...row] }: TensorSpec, json: unknown): Tensor {
  if (!Array.isArray(json)) throw misfit(name, "an array with a value for each instance", describe(json));
  const isUpright = row.length === 0 && Array.isArray(json[0]);
  const shape = [json.length, ...(isUpright ? [1] : row)];
  return { name, datatype, shape, data: valuesOfJson(name, datatype, shape, json) };
}

function isObject(value: unknown): value is Columns {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
