import { type NamedTensor, nestedOf } from "../tensor.ts";
import type { PredictRequest, PredictResponse } from "./schema.ts";

/** Formats output tensors in the request's format. A single output has no name. */
export function predictBody({ instances }: PredictRequest, outputs: readonly NamedTensor[]): PredictResponse {
  const columns = outputs.map((tensor): [string, unknown[]] => [tensor.name, nestedOf(tensor)]);
  const [[, only], ...others] = columns as [[string, unknown[]], ...[string, unknown[]][]];
  const isAlone = others.length === 0;
  if (instances === undefined) return { outputs: isAlone ? only : Object.fromEntries(columns) };
  const rows = only.map((value, row) =>
    isAlone ? value : Object.fromEntries(columns.map(([name, values]) => [name, values[row]])),
  );
  return { predictions: rows };
}
