import type { ClassifyManifest, Instance } from "#core/contract/index.ts";
import { encodeNumbers } from "#core/input/index.ts";
import type { Rows } from "#core/rung/rows.ts";
import type { Batch } from "./batch.ts";
import { exactly } from "./exact.ts";
import { instancesOf } from "./instances.ts";
import type { NamedTensor } from "./tensor.ts";

/**
 * Reads a classifier's batch as rows. Numbers of one tensor are encoded as they came: an instance is made only of a row that
 * needs one.
 */
export function rowsOf(manifest: ClassifyManifest, batch: Batch): Rows {
  const count = batch.rows;
  if (manifest.thin.input.kind !== "tensor") {
    const instances = instancesOf(manifest, batch);
    return { count, instanceOf: (row) => instances[row] as Instance };
  }
  const values = exactly("float32", batch.tensors[0] as NamedTensor);
  const size = values.length / count;
  return {
    count,
    instanceOf: (row) => Array.from(values.slice(row * size, (row + 1) * size)),
    encode: (input, region) => (input.kind === "tensor" ? encodeNumbers(input, values, count, region) : null),
  };
}
