// Writes the colours that the edge shows CMYK pictures in: workers/edge/images/inks.json. Run it: node scripts/build-inks.ts
//
// libvips converts CMYK without a profile by a profile of a press, which is a table. The edge has that table at a grid of
// inks, and its own profile is left alone. On 10,000 random inks, colours between differ from libvips by 0.8 levels of 255 on
// average and by more than 8 in 0.6%; by 20 at most, where sRGB's red ends at 0 (much cyan). A grid of 7 levels: 1.2, 0.9%, 27.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { toBase64 } from "#core/bytes.ts";
import { root } from "./local/process.ts";

const levels = 9;

/** Returns the sRGB colours of inks, four bytes each, as libvips converts them. */
export async function srgbOfInks(inks: Uint8Array): Promise<Uint8Array> {
  const tiff = cmykTiff(inks.length / 4, inks);
  return sharp(tiff).toColourspace("srgb").removeAlpha().raw().toBuffer();
}

/** The JSON of the grid. */
export async function inksText(): Promise<string> {
  const amounts = Array.from({ length: levels }, (_, i) => Math.round((255 * i) / (levels - 1)));
  const grid = amounts.flatMap((c) =>
    amounts.flatMap((m) => amounts.flatMap((y) => amounts.flatMap((k) => [c, m, y, k]))),
  );
  const srgb = toBase64(await srgbOfInks(Uint8Array.from(grid)));
  return `${JSON.stringify({ levels, srgb }, null, 2)}\n`;
}

const long = 4;
const short = 3;

/** Makes a TIFF of one row of CMYK, uncompressed: a header, a directory of twelve bytes an entry, the depths, the pixels. */
export function cmykTiff(width: number, inks: Uint8Array, height = 1): Uint8Array {
  const entries = 10;
  const depthsAt = 8 + 2 + 12 * entries + 4;
  const dataAt = depthsAt + 8;
  const file = new Uint8Array(dataAt + inks.length);
  const view = new DataView(file.buffer);
  file.set([0x49, 0x49, 42, 0, 8, 0, 0, 0, entries, 0]);
  const entry = (i: number, tag: number, type: number, count: number, value: number) => {
    view.setUint16(10 + 12 * i, tag, true);
    view.setUint16(12 + 12 * i, type, true);
    view.setUint32(14 + 12 * i, count, true);
    view.setUint32(18 + 12 * i, value, true);
  };
  entry(0, 256, long, 1, width);
  entry(1, 257, long, 1, height);
  entry(2, 258, short, 4, depthsAt);
  entry(3, 259, short, 1, 1); // not compressed
  entry(4, 262, short, 1, 5); // separated inks
  entry(5, 273, long, 1, dataAt);
  entry(6, 277, short, 1, 4);
  entry(7, 278, long, 1, height);
  entry(8, 279, long, 1, inks.length);
  entry(9, 284, short, 1, 1); // inks of a pixel beside each other
  for (let i = 0; i < 4; i++) view.setUint16(depthsAt + 2 * i, 8, true);
  file.set(inks, dataAt);
  return file;
}

if (import.meta.main) await writeFile(join(root, "workers/edge/images/inks.json"), await inksText());
