import { ImageError } from "../error.ts";
import { checkSize, imageMaxPixels, scaleDown } from "../header.ts";
import type { Size } from "../shape.ts";
import type { Frame } from "./frame.ts";

/** The most pixels of a JPEG that is decoded at a part of its size; phones write 12 to 50 million. */
export const jpegMaxPixels = 50_000_000;
/** A progressive JPEG is decoded from all its coefficients, of two bytes each, at whatever size: so many take 40 MB. */
const coefficientsMax = 20_000_000;
/** Shrinking the rest of the way averages over two pixels at least, as Pillow's `reducing_gap` has it. */
const gap = 2;
const eighths = [1, 2, 4, 8] as const;

/** Returns the size at which a JPEG is decoded that is shrunk to `target`; its own for null. Throws `ImageError` if that is too large. */
export function decodedSize(frame: Frame, target: Size | null): Size {
  const { width, height, isProgressive } = frame;
  if (width * height > jpegMaxPixels) throw tooLarge(frame, `${count(jpegMaxPixels)} pixels`);
  if (isProgressive && coefficientsOf(frame) > coefficientsMax) {
    throw tooLarge(frame, `about ${count(coefficientsMax / 1.5)} pixels where it is progressive`);
  }
  const reaches = (size: Size, times: number) =>
    target !== null && size.width >= times * target.width && size.height >= times * target.height;
  const usable = eighths
    .map((n) => ({ width: Math.ceil((width * n) / 8), height: Math.ceil((height * n) / 8) }))
    .filter((size, i) => size.width * size.height <= imageMaxPixels && (i === 3 || reaches(size, 1)));
  const size = usable.find((one) => reaches(one, gap)) ?? usable.at(-1);
  if (!size) checkSize(width, height);
  return size ?? frame;
}

function coefficientsOf({ width, height, components }: Frame): number {
  const [across, down] = (["across", "down"] as const).map((side) => Math.max(...components.map((one) => one[side])));
  const shares = components.map((one) => (one.across * one.down) / ((across as number) * (down as number)));
  return width * height * shares.reduce((sum, share) => sum + share, 0);
}

function tooLarge({ width, height }: Frame, most: string): ImageError {
  return new ImageError(`a JPEG of at most ${most}`, `${width} × ${height} pixels`, { next: scaleDown });
}

function count(value: number): string {
  return Math.floor(value).toLocaleString("en");
}
