import { imageSize } from "image-size";
import { ImageError } from "./error.ts";
import type { ImageType } from "./types.ts";

/** A decoded image takes 16 MiB twice, in the decoder's heap and as pixels. The isolate has no memory for more. */
export const imageMaxPixels = 4 * 1024 * 1024;

/** What to do with a picture that is too large. */
export const scaleDown =
  "Scale the picture down before sending it, such as to a long side of 2,048 pixels; the command line, and the client and the console in a browser, do so by themselves.";

/** Throws `ImageError` for an image that has no pixels, or more than are decoded. */
export function checkSize(width: number, height: number): void {
  if (width > 0 && height > 0 && width * height <= imageMaxPixels) return;
  const most = imageMaxPixels.toLocaleString("en");
  throw new ImageError(`an image of at least one and at most ${most} pixels`, `${width} × ${height} pixels`, {
    next: scaleDown,
  });
}

/** Reads an image's size from its header. Throws `ImageError` if it has none. */
export function sizeOf(bytes: Uint8Array, type: ImageType): { width: number; height: number } {
  try {
    return imageSize(bytes);
  } catch (cause) {
    throw new ImageError(`an image of type ${type}`, "bytes without a readable header", { cause });
  }
}
