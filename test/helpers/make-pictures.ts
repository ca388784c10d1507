// Makes the pictures of test/helpers/pictures.json, which workerd has no encoders for:
//   node test/helpers/make-pictures.ts
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import encodeWebp, { init as initWebp } from "@jsquash/webp/encode.js";
import sharp from "sharp";

const [height, width] = [6, 8];
const require = createRequire(import.meta.url);
const moduleOf = async (path: string) => new WebAssembly.Module(await readFile(require.resolve(path)));

/** Smooth, so that a JPEG of it is close, and different in each corner. */
const uprightPixels = Array.from({ length: height }, (_, y) =>
  Array.from({ length: width }, (_, x) => [30 * x, 40 * y, 255 - 20 * x - 15 * y]),
);

/** Where row 0 and column 0 of a stored picture are in the upright one, by EXIF's own definition of 1 to 8. */
const sides = [
  ["top", "left"],
  ["top", "right"],
  ["bottom", "right"],
  ["bottom", "left"],
  ["left", "top"],
  ["right", "top"],
  ["right", "bottom"],
  ["left", "bottom"],
] as const;

function stored(row0: string, column0: string): number[][][] {
  const isTurned = row0 === "left" || row0 === "right";
  const [rows, columns] = isTurned ? [width, height] : [height, width];
  const along = (side: string, i: number, n: number) => (side === "bottom" || side === "right" ? n - 1 - i : i);
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => {
      const x = isTurned ? along(row0, r, width) : along(column0, c, width);
      const y = isTurned ? along(column0, c, height) : along(row0, r, height);
      return uprightPixels[y]?.[x] as number[];
    }),
  );
}

function imageData(pixels: number[][][]) {
  const data = Uint8ClampedArray.from(pixels.flatMap((row) => row.flatMap((pixel) => [...pixel, 255])));
  return { data, width: pixels[0]?.length ?? 0, height: pixels.length, colorSpace: "srgb" } as ImageData;
}

/** An EXIF segment that says one thing: the orientation. */
function exif(orientation: number): Uint8Array {
  const tiff = new DataView(new ArrayBuffer(26));
  tiff.setUint16(0, 0x4d4d);
  tiff.setUint16(2, 42);
  tiff.setUint32(4, 8);
  tiff.setUint16(8, 1);
  tiff.setUint16(10, 0x0112);
  tiff.setUint16(12, 3);
  tiff.setUint32(14, 1);
  tiff.setUint16(18, orientation);
  const body = [...new TextEncoder().encode("Exif\0\0"), ...new Uint8Array(tiff.buffer)];
  return Uint8Array.from([0xff, 0xe1, 0, body.length + 2, ...body]);
}

await initWebp(await moduleOf("@jsquash/webp/codec/enc/webp_enc.wasm"));
const jpegs = await Promise.all(
  sides.map(async ([row0, column0], i) => {
    const { data, ...size } = imageData(stored(row0, column0));
    const picture = sharp(data, { raw: { width: size.width, height: size.height, channels: 4 } });
    const file = await picture.jpeg({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer();
    return Buffer.concat([file.subarray(0, 2), exif(i + 1), file.subarray(2)]).toString("base64");
  }),
);
const webp = Buffer.from(await encodeWebp(imageData(uprightPixels), { lossless: 1, exact: 1 })).toString("base64");
const path = join(import.meta.dirname, "pictures.json");
await writeFile(path, `${JSON.stringify({ jpegs, webp, pixels: uprightPixels }, null, 2)}\n`);
