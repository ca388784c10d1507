import type { Input, Instance } from "../contract/index.ts";
import { fail, ok, type Result } from "../result.ts";
import type { InputContext, InputFault } from "./fault.ts";
import { encodeFeatures, featureParts, type InputPart, unknownFields } from "./features.ts";
import { encodeImage, imageShape } from "./image.ts";
import { encodeTensor } from "./tensor.ts";

export type { InputContext, InputFault } from "./fault.ts";
export { describeColumns, type InputPart, regionPlace } from "./features.ts";
export { encodeNumbers } from "./tensor.ts";

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
  const out = new Float32Array(rowWidth(input));
  const faults: InputFault[] = [];
  encodeTo(input, instance, context, faults, out, 0);
  return faults.length > 0 ? fail(faults) : ok(out);
}

/** Instances that are encoded together, each with its context. */
export interface InstanceRows {
  count: number;
  instanceOf: (row: number) => Instance;
  contextOf: (row: number) => InputContext;
}

/** Encodes instances one after another, as `encode` does each, or returns all faults of all of them. */
export function encodeRows(
  input: Input,
  { count, instanceOf, contextOf }: InstanceRows,
): Result<Float32Array, (InputFault & { index: number })[]> {
  const width = rowWidth(input);
  const out = new Float32Array(count * width);
  const faults: (InputFault & { index: number })[] = [];
  const own: InputFault[] = [];
  for (let index = 0; index < count; index++) {
    encodeTo(input, instanceOf(index), contextOf(index), own, out, index * width);
    for (const fault of own.splice(0)) faults.push({ index, ...fault });
  }
  return faults.length > 0 ? fail(faults) : ok(out);
}

function rowWidth(input: Input): number {
  return inputParts(input).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

function encodeTo(
  input: Input,
  instance: Instance,
  context: InputContext,
  faults: InputFault[],
  out: Float32Array,
  start: number,
): void {
  if (input.kind === "features") {
    encodeFeatures(input, instance, context, faults, out, start);
    return;
  }
  const values = input.kind === "tensor" ? encodeTensor(input, instance, faults) : encodeImage(input, instance, faults);
  out.set(values, start);
  const index = input.regions?.indexOf(context.region) ?? -1;
  if (index >= 0) out[start + values.length + index] = 1;
}

/** Lists the fields of an instance that the input ignores. */
export function ignoredFields(input: Input, instance: Instance, extraColumns: readonly string[]): string[] {
  return input.kind === "features" && !Array.isArray(instance) ? unknownFields(input, instance, extraColumns) : [];
}
