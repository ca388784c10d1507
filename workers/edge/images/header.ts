import { imageSize } from "image-size";
import type { InputFault } from "#core/input/index.ts";
import { orientationOf } from "./exif.ts";
import type { ImageType } from "./types.ts";

/** A decoded image takes 16 MiB twice, in the decoder's heap and as pixels. The isolate has no memory for more. */
const imageMaxPixels = 4 * 1024 * 1024;

/** An image that can't be read, with the reason. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly fault: InputFault;
  constructor(expected: string, received: string, options?: ErrorOptions) {
    super(received, options);
    this.fault = { path: "body", expected, received };
  }
}

const typeNames: Record<string, ImageType> = { jpg: "image/jpeg", png: "image/png", webp: "image/webp" };

/** Reads an image's header before decoding. Throws `ImageError` for another type and for too many pixels. */
export function headerOf(bytes: Uint8Array, type: ImageType): { width: number; height: number; orientation: number } {
  const { width, height, type: found } = sizeOf(bytes, type);
  if (typeNames[found ?? ""] !== type) {
    throw new ImageError(
      `an image of the content-type's type ${type}`,
      typeNames[found ?? ""] ?? `an image of type '${found}'`,
    );
  }
  if (width * height > imageMaxPixels || !(width > 0) || !(height > 0)) {
    throw new ImageError(`an image of 1 to ${imageMaxPixels} pixels`, `${width} × ${height}`);
  }
  return { width, height, orientation: orientationOf(bytes, type) };
}

function sizeOf(bytes: Uint8Array, type: ImageType) {
  try {
    return imageSize(bytes);
  } catch (cause) {
    throw new ImageError(`an image of type ${type}`, "bytes without a readable header", { cause });
  }
}
