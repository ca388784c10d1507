import { batchMaxQuestions } from "#core/contract/index.ts";
import { describe } from "#core/input/describe.ts";
import { own } from "#core/own.ts";
import { metadataOf } from "../batch.ts";
import { misfit, type NamedTensor, type TensorMetadata, valuesOfJson } from "../tensor.ts";
import type { PredictRequest } from "./schema.ts";

type Columns = Record<string, unknown>;

/** Reads the tensors of a predict request in row or column format. */
export function tensorsOf({ instances, inputs }: PredictRequest, known: readonly TensorMetadata[]): NamedTensor[] {
  const columns = instances === undefined ? columnsOfInputs(inputs, known) : columnsOfRows(instances, known);
  return Object.entries(columns).map(([name, json]) => tensorOf(metadataOf(known, name), json));
}

function columnsOfInputs(inputs: unknown, known: readonly TensorMetadata[]): Columns {
  return isObject(inputs) ? inputs : { [onlyName("inputs", inputs, known)]: inputs };
}

function columnsOfRows(instances: unknown, known: readonly TensorMetadata[]): Columns {
  const rows = Array.isArray(instances) ? instances : [];
  if (rows.length < 1 || rows.length > batchMaxQuestions) {
    throw misfit("instances", `an array of 1 to ${batchMaxQuestions} instances`, describe(instances));
  }
  if (!rows.some(isObject)) return { [onlyName("instances", rows[0], known)]: rows };
  for (const row of rows)
    if (!isObject(row)) throw misfit("instances", "an array of only objects or only values", describe(row));
  const names = new Set(rows.flatMap((row: Columns) => Object.keys(row)));
  // A field that a row leaves out is a missing value.
  return Object.fromEntries([...names].map((name) => [name, rows.map((row: Columns) => own(row, name) ?? null)]));
}

function onlyName(path: string, value: unknown, known: readonly TensorMetadata[]): string {
  const [only, ...others] = known;
  if (only && others.length === 0) return only.name;
  const names = known.map(({ name }) => name).join(", ");
  throw misfit(path, `an object with the inputs ${names}`, describe(value));
}

function tensorOf({ name, datatype, shape: [, ...row] }: TensorMetadata, json: unknown): NamedTensor {
  if (!Array.isArray(json)) throw misfit(name, "an array with a value for each instance", describe(json));
  const isUpright = row.length === 0 && Array.isArray(json[0]);
  const declared = isUpright ? [1] : row;
  const shape = [json.length, ...declared.map((size, i) => (size < 0 ? lengthAt(json, i + 1) : size))];
  return { name, datatype, shape, data: valuesOfJson(name, datatype, shape, json) };
}

// The first part at each depth defines the shape; the others are compared with it.
function lengthAt(json: unknown[], depth: number): number {
  let part: unknown = json;
  for (let i = 0; i < depth; i++) part = Array.isArray(part) ? part[0] : undefined;
  return Array.isArray(part) ? part.length : 0;
}

function isObject(value: unknown): value is Columns {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
