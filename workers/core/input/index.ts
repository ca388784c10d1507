import type { Input, Instance } from "../contract/index.ts";
import { fail, ok, type Result } from "../result.ts";
import type { InputContext, InputFault } from "./fault.ts";
import { encodeFeatures, featureParts, type InputPart, unknownFields } from "./features.ts";
import { encodeImage, imageShape } from "./image.ts";
import { encodeTensor } from "./tensor.ts";

export type { InputContext, InputFault } from "./fault.ts";
export { describeColumns, type InputPart, regionPlace } from "./features.ts";

/** Lists a network's inputs: the instance's, and the region's if it is a separate input. */
export function inputParts(input: Input): readonly InputPart[] {
  if (input.kind === "features") return featureParts(input);
  const part = (shape: number[]): InputPart => ({ shape, buckets: null });
  const own = part(input.kind === "image" ? imageShape(input) : input.shape);
  return input.regions ? [own, part([input.regions.length])] : [own];
}

/** Returns the shapes of a network's inputs. */
export function inputShapes(input: Input): number[][] {
  return inputParts(input).map(({ shape }) => shape);
}

/** Returns the number of values of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/**
 * Encodes one instance as float32 values, those of `inputShapes(input)` one after another, or returns all its faults.
 */
export function encode(input: Input, instance: Instance, context: InputContext): Result<Float32Array, InputFault[]> {
  const faults: InputFault[] = [];
  const values = encodeInstance(input, instance, context, faults);
  if (faults.length > 0) return fail(faults);
  if (input.kind === "features" || !input.regions) return ok(values);
  const all = new Float32Array(values.length + input.regions.length);
  all.set(values);
  const index = input.regions.indexOf(context.region);
  if (index >= 0) all[values.length + index] = 1;
  return ok(all);
}

/** Lists the fields of an instance that the input ignores. */
export function ignoredFields(input: Input, instance: Instance, extraColumns: readonly string[]): string[] {
  return input.kind === "features" && !Array.isArray(instance) ? unknownFields(input, instance, extraColumns) : [];
}

function encodeInstance(input: Input, instance: Instance, context: InputContext, faults: InputFault[]): Float32Array {
  switch (input.kind) {
    case "features":
      return encodeFeatures(input, instance, context, faults);
    case "tensor":
      return encodeTensor(input, instance, faults);
    case "image":
      return encodeImage(input, instance, faults);
  }
}
