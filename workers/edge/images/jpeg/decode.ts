import binary from "imagescript/wasm/any/jpeg.wasm";
import { brokenImage } from "../error.ts";
import type { Size } from "../shape.ts";

/** The decoder's module: image-rs's `jpeg-decoder`. A pointer 0 or 1 says that it refused the file. */
interface Exports {
  memory: WebAssembly.Memory;
  walloc(bytes: number): number;
  decode(file: number, bytes: number, width: number, height: number): number;
  decode_width(image: number): number;
  decode_height(image: number): number;
  decode_format(image: number): number;
  decode_buffer(image: number): number;
}

/** A decoded JPEG: grey, RGB, or inks (0 is none) without a space between samples, row by row. */
export interface Samples extends Size {
  channels: 1 | 3 | 4;
  values: Uint8Array;
}

const sideMax = 65_535;
const channelsOf = [1, 3, 4] as const;

/**
 * Decodes a JPEG at a size that `decodedSize` returns. Throws `ImageError` if it is corrupt. Each picture gets a new instance,
 * since a heap never shrinks and is undefined after a fault.
 */
export function decodeJpeg(bytes: Uint8Array, size: Size): Samples {
  const { memory, ...codec } = new WebAssembly.Instance(binary).exports as unknown as Exports;
  const file = codec.walloc(bytes.length);
  new Uint8Array(memory.buffer, file, bytes.length).set(bytes);
  // The decoder takes the least scale at which one side is long enough: only the longer one tells scales apart.
  const isWide = size.width >= size.height;
  let image = 0;
  try {
    image = codec.decode(file, bytes.length, isWide ? size.width : sideMax, isWide ? sideMax : size.height);
  } catch (cause) {
    throw brokenImage("image/jpeg", cause);
  }
  const channels = image > 1 ? channelsOf[codec.decode_format(image)] : undefined;
  if (channels === undefined) throw brokenImage("image/jpeg");
  const [width, height] = [codec.decode_width(image), codec.decode_height(image)];
  const values = new Uint8Array(memory.buffer, codec.decode_buffer(image), channels * width * height);
  return { width, height, channels, values };
}
