import type { ImageInput, Instance } from "../contract/index.ts";
import type { InputFault } from "./fault.ts";
import { readNested } from "./nested.ts";

/** Returns the shape of an image: height, width, channels. */
export function imageShape({ size, channels }: ImageInput): number[] {
  return [...size, channels];
}

/** Encodes pixels given as [height][width][channels], as [height][width] for one channel, or flat. */
export function encodeImage(input: ImageInput, instance: Instance, faults: InputFault[]): Float32Array {
  const { scale, offset, channels, size } = input;
  const take = (value: number) =>
    value >= 0 && value <= 255 ? value * scale + offset : { expected: "a pixel from 0 to 255" };
  return readNested(isGrey(instance, channels) ? size : imageShape(input), instance, take, faults);
}

function isGrey(instance: Instance, channels: number): boolean {
  const [row] = Array.isArray(instance) ? instance : [];
  return channels === 1 && Array.isArray(row) && typeof row[0] === "number";
}
