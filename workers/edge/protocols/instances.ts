import type { ClassifyManifest, FeaturesInput, Instance } from "#core/contract/index.ts";
import { sizeOf } from "#core/input/index.ts";
import type { Batch } from "./batch.ts";
import type { Value } from "./datatypes.ts";
import { exactly } from "./exact.ts";
import type { NamedTensor } from "./tensor.ts";

/** Converts a classifier's batch to instances. A column without a tensor is missing in all of them. */
export function instancesOf({ thin: { input } }: ClassifyManifest, { rows, tensors }: Batch): Instance[] {
  if (input.kind === "features") return recordsOf(input, tensors, rows);
  const [tensor] = tensors as [NamedTensor];
  // Instances are encoded in float32, independent of the network's type.
  const values = exactly("float32", tensor);
  const size = sizeOf(tensor.shape.slice(1));
  return Array.from({ length: rows }, (_, row) => {
    const instance = new Array<number>(size);
    for (let i = 0; i < size; i++) instance[i] = values[row * size + i] as number;
    return instance;
  });
}

function recordsOf({ columns }: FeaturesInput, tensors: readonly NamedTensor[], rows: number): Instance[] {
  // An empty string counts as a value if the column lists it.
  const worded = columns.flatMap((one) => (one.type === "category" && one.values.includes("") ? [one.name] : []));
  const isMissing = (name: string, value: Value) => Number.isNaN(value) || (value === "" && !worded.includes(name));
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      tensors.map(({ name, data }) => {
        const value = data[row] as Value;
        return [name, isMissing(name, value) ? null : value];
      }),
    ),
  );
}
