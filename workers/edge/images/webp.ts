import type { Pixels } from "#core/image/pixels.ts";
import { brokenImage } from "./error.ts";
import { checkSize, sizeOf } from "./header.ts";
import { inSrgb } from "./icc.ts";
import { profileOfWebp } from "./profile.ts";
import { chunkOf, webpOf } from "./riff.ts";
import type { Shape } from "./shape.ts";
import { openWebp } from "./webp-decoder.ts";

/** Reads a WebP, or the first frame of an animated one on a transparent canvas, as browsers show it. */
export async function readWebp(bytes: Uint8Array<ArrayBuffer>, shape: Shape): Promise<Pixels> {
  const { width, height } = sizeOf(bytes, "image/webp");
  checkSize(width, height);
  return inSrgb(shape.apply(await decodeFrame(bytes)), profileOfWebp(bytes));
}

const frameHeaderBytes = 16;

async function decodeFrame(bytes: Uint8Array<ArrayBuffer>): Promise<Pixels> {
  const first = chunkOf(bytes, 12, "ANMF")?.data;
  const decode = await openWebp();
  if (!first) return decode(bytes);
  const canvas = chunkOf(bytes, 12, "VP8X")?.data;
  // A frame: its place in steps of two pixels, its size, how long it is shown, flags; then chunks.
  if (!canvas || canvas.length < 10 || first.length < frameHeaderBytes) throw brokenImage("image/webp");
  const [left, top] = [2 * uint24(first, 0), 2 * uint24(first, 3)];
  const [width, height] = [uint24(first, 6) + 1, uint24(first, 9) + 1];
  const [canvasWidth, canvasHeight] = [uint24(canvas, 4) + 1, uint24(canvas, 7) + 1];
  if (left + width > canvasWidth || top + height > canvasHeight) throw brokenImage("image/webp");
  const still = stillOf(first, width, height);
  const size = sizeOf(still, "image/webp");
  if (size.width !== width || size.height !== height) throw brokenImage("image/webp");
  const frame = decode(still);
  if (frame.width !== width || frame.height !== height) throw brokenImage("image/webp");
  return width === canvasWidth && height === canvasHeight
    ? frame
    : onCanvas(frame, left, top, canvasWidth, canvasHeight);
}

/** Writes a frame as a picture of its size. Only a header says that a picture has transparency of its own. */
function stillOf(frame: Uint8Array, width: number, height: number): Uint8Array<ArrayBuffer> {
  const [alpha, image] = ["ALPH", "VP8 "].map((name) => chunkOf(frame, frameHeaderBytes, name));
  const only = image ?? chunkOf(frame, frameHeaderBytes, "VP8L");
  if (!only) throw brokenImage("image/webp");
  if (!alpha || !image) return webpOf([only]);
  const [wide, tall] = [width - 1, height - 1];
  const hasAlpha = 0x10;
  const header = [hasAlpha, 0, 0, 0, wide, wide >> 8, wide >> 16, tall, tall >> 8, tall >> 16];
  return webpOf([{ name: "VP8X", data: Uint8Array.from(header) }, alpha, image]);
}

function onCanvas({ width, height, rgba }: Pixels, left: number, top: number, wide: number, tall: number): Pixels {
  const out = new Uint8Array(4 * wide * tall);
  for (let y = 0; y < height; y++) {
    out.set(rgba.subarray(4 * y * width, 4 * (y + 1) * width), 4 * ((top + y) * wide + left));
  }
  return { width: wide, height: tall, rgba: out };
}

function uint24(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}
