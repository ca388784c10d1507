import type { Input, Instance } from "../contract/index.ts";
import { fail, ok, type Result } from "../result.ts";
import { encodeFeatures, featuresWidth } from "./features.ts";
import { encodeTensor } from "./tensor.ts";

/** What is wrong with one part of an instance. */
export interface InputFault {
  path: string;
  expected: string;
  received: string;
}

/** What surrounds an instance and may be part of the input, or of the instance without being input. */
export interface InputContext {
  region: string;
  /** Columns that an instance may carry besides the input's own: the region's, the split key's. */
  extraColumns: readonly string[];
}

/** The shape of one encoded instance. */
export function inputShape(input: Input): number[] {
  return input.kind === "features" ? [featuresWidth(input)] : input.shape;
}

/**
 * Turns one instance into float32 values of `inputShape(input)`, or says everything that is wrong with it.
 */
export function encode(input: Input, instance: Instance, context: InputContext): Result<Float32Array, InputFault[]> {
  const faults: InputFault[] = [];
  const values =
    input.kind === "features"
      ? encodeFeatures(input, instance, context, faults)
      : encodeTensor(input, instance, faults);
  return faults.length > 0 ? fail(faults) : ok(values);
}
