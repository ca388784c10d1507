import type { Pixels } from "#core/image/pixels.ts";
import { inksToSrgb } from "../cmyk.ts";
import { openJpeg } from "../codecs.ts";
import { brokenImage } from "../error.ts";
import { checkSize } from "../header.ts";
import { inSrgb } from "../icc.ts";
import { profileOfJpeg } from "../profile.ts";
import type { Shape } from "../shape.ts";
import { type Frame, frameOf, type Segment, segmentsOf } from "./frame.ts";
import { splitJpeg } from "./split.ts";

/** Reads a JPEG: grey, RGB, YCbCr, CMYK or YCCK. */
export async function readJpeg(bytes: Uint8Array<ArrayBuffer>, shape: Shape): Promise<Pixels> {
  const segments = segmentsOf(bytes);
  const frame = frameOf(bytes, segments);
  checkSize(frame.width, frame.height);
  if (frame.components.length === 4) return readInks(bytes, segments, frame, shape);
  const decode = await openJpeg();
  const decoded = decode(bytes);
  if (decoded.width !== frame.width || decoded.height !== frame.height) throw brokenImage("image/jpeg");
  return inSrgb(shape(decoded), profileOfJpeg(bytes, segments));
}

/** Reads a CMYK or YCCK JPEG. All writers store how much light an ink lets through, as Photoshop does: 255 is no ink. */
async function readInks(bytes: Uint8Array, segments: readonly Segment[], frame: Frame, shape: Shape): Promise<Pixels> {
  const split = splitJpeg(bytes, segments, frame);
  // One after the other in one heap, so that memory is needed once.
  const decode = await openJpeg();
  const black = inverted(shape(decode(split.black)));
  const colours = shape(decode(split.colours));
  // The conversion from YCC inverts as well.
  return inksToSrgb(frame.adobe === 2 ? colours : inverted(colours), black);
}

function inverted({ width, height, rgba }: Pixels): Pixels {
  return { width, height, rgba: Uint8Array.from(rgba, (value) => 255 - value) };
}
