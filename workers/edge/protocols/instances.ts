import type { Instance, Manifest } from "../../core/contract/index.ts";
import { sizeOf } from "../../core/input/index.ts";
import { limits } from "../../core/limits.ts";
import { instanceName, signatureOf } from "./signature.ts";
import { misfit, type Tensor, type TensorSpec } from "./tensor.ts";

/** Tensors whose first dimension is the batch, as instances; a column that is left out is missing in all of them. */
export function instancesOf(manifest: Manifest, tensors: readonly Tensor[]): Instance[] {
  const { inputs } = signatureOf(manifest);
  const specs = new Map(inputs.map((spec) => [spec.name, spec]));
  const seen = new Set<string>();
  const rows = batchOf(tensors);
  for (const { name, shape } of tensors) {
    const spec = specs.get(name);
    if (!spec) throw misfit("inputs", `inputs of the names ${[...specs.keys()].join(", ")}`, `input '${name}'`);
    if (seen.has(name)) throw misfit(name, "each input once", "it twice");
    seen.add(name);
    checkShape(manifest, spec, shape, rows);
  }
  const { input } = manifest.thin;
  return input.kind === "features" ? recordsOf(manifest, tensors, rows) : arraysOf(tensors, rows);
}

function batchOf(tensors: readonly Tensor[]): number {
  const [rows = 0] = tensors[0]?.shape ?? [];
  if (rows >= 1 && rows <= limits.batchMaxQuestions) return rows;
  throw misfit("inputs", `a first dimension from 1 to ${limits.batchMaxQuestions}: the questions`, `${rows}`);
}

function checkShape({ thin: { input } }: Manifest, spec: TensorSpec, shape: readonly number[], rows: number): void {
  const one = [rows, ...spec.shape.slice(1)];
  const others = input.kind === "features" || (input.kind === "image" && input.channels === 1);
  const isGiven = (allowed: readonly number[]) => String(allowed) === String(shape);
  // A column may stand upright, and what has one channel needs no dimension for it.
  if (isGiven(one) || (others && isGiven(input.kind === "features" ? [...one, 1] : one.slice(0, -1)))) return;
  throw misfit(spec.name, `shape [${one}]`, `shape [${shape}]`);
}

function recordsOf({ thin: { input } }: Manifest, tensors: readonly Tensor[], rows: number): Instance[] {
  const columns = input.kind === "features" ? input.columns : [];
  const worded = new Set(
    columns.flatMap((one) => (one.type === "category" && one.values.includes("") ? one.name : [])),
  );
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      tensors.map(({ name, data }) => {
        const value = data[row] as Tensor["data"][number];
        const isMissing = Number.isNaN(value) || (value === "" && !worded.has(name));
        return [name, isMissing ? null : value];
      }),
    ),
  );
}

function arraysOf(tensors: readonly Tensor[], rows: number): Instance[] {
  const { shape, data, datatype } = tensors[0] as Tensor;
  if (datatype === "BYTES" || datatype === "BOOL") {
    throw misfit(instanceName, "a numeric datatype", datatype);
  }
  // What the network computes in must hold each value exactly: a rounded input would be another question.
  const lost = (data as number[]).find((value) => Number.isFinite(value) && Math.fround(value) !== value);
  if (lost !== undefined) throw misfit(instanceName, "values that FP32 holds exactly", `${lost} as ${datatype}`);
  const width = sizeOf(shape) / rows;
  return Array.from({ length: rows }, (_, row) => (data as number[]).slice(row * width, (row + 1) * width));
}
