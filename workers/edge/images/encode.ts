import { encode } from "fast-png";
import { toBase64 } from "#core/bytes.ts";
import type { ImageInput, Nested } from "#core/contract/index.ts";

/** Encodes an instance's pixels as a PNG with the model's channels; null if the instance has another size. */
export function pngOf(instance: Nested[], { size: [height, width], channels }: ImageInput): Uint8Array | null {
  // Pixels may be nested in any way.
  const data = Uint8ClampedArray.from((instance as number[]).flat(Number.POSITIVE_INFINITY) as number[]);
  return data.length === height * width * channels ? encode({ width, height, channels, data }) : null;
}

export function dataUrl(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${toBase64(bytes)}`;
}
