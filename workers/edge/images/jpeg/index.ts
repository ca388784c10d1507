import { concatBytes } from "#core/bytes.ts";
import type { Pixels } from "#core/image/pixels.ts";
import { inksToSrgb } from "../cmyk.ts";
import { brokenImage } from "../error.ts";
import { inSrgb } from "../icc.ts";
import { profileOfJpeg } from "../profile.ts";
import type { Shape } from "../shape.ts";
import { decodeJpeg, type Samples } from "./decode.ts";
import { frameOf, marker, segmentsOf } from "./frame.ts";
import { decodedSize } from "./scale.ts";

/** Reads a JPEG: grey, RGB, YCbCr, CMYK or YCCK. One that will be shrunk is decoded at a part of its size. */
export async function readJpeg(bytes: Uint8Array<ArrayBuffer>, shape: Shape): Promise<Pixels> {
  const segments = segmentsOf(bytes);
  const frame = frameOf(bytes, segments);
  // The decoder would leave the rest grey.
  if (!segments.some(({ marker: code }) => code === marker.eoi)) throw brokenImage("image/jpeg", undefined, cutOff);
  const size = decodedSize(frame, shape.target);
  const hasInks = frame.components.length === 4;
  const decoded = decodeJpeg(hasInks && frame.adobe === null ? withInks(bytes) : bytes, size);
  if (decoded.width !== size.width || decoded.height !== size.height) throw brokenImage("image/jpeg");
  if (!hasInks) return inSrgb(shape.apply(pixelsOf(decoded, [0, 1, 2])), profileOfJpeg(bytes, segments));
  return inksToSrgb(shape.apply(pixelsOf(decoded, [0, 1, 2])), shape.apply(pixelsOf(decoded, [3, 3, 3])));
}

const cutOff = "a file that ends before its image does";

/** Says in an Adobe marker what a file without one means: inks as they are. */
function withInks(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const adobe = [0xff, 0xee, 0, 14, ...new TextEncoder().encode("Adobe"), 0, 100, 0, 0, 0, 0, 0];
  return concatBytes([bytes.subarray(0, 2), Uint8Array.from(adobe), bytes.subarray(2)]);
}

/** Returns three channels as pixels without transparency. */
function pixelsOf({ width, height, channels, values }: Samples, [red, green, blue]: [number, number, number]): Pixels {
  const rgba = new Uint8Array(4 * width * height);
  const [r, g, b] = channels === 1 ? [0, 0, 0] : [red, green, blue];
  for (let to = 0, from = 0; to < rgba.length; to += 4, from += channels) {
    rgba[to] = values[from + r] as number;
    rgba[to + 1] = values[from + g] as number;
    rgba[to + 2] = values[from + b] as number;
    rgba[to + 3] = 255;
  }
  return { width, height, rgba };
}
