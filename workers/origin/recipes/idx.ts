import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** Greyscale images from an IDX file, and the class of each. */
export interface Images {
  /** One after another, row by row, 0 to 255. */
  pixels: Uint8Array;
  labels: Uint8Array;
  /** Pixels of one image. */
  size: number;
}

/** Reads `{set}-images-idx3-ubyte` and `{set}-labels-idx1-ubyte`, gzipped or not, from a folder (LeCun's IDX format). */
export async function readImages(folder: string, set: string): Promise<Images> {
  const [images, labels] = await Promise.all([
    readIdx(join(folder, `${set}-images-idx3-ubyte`), 3),
    readIdx(join(folder, `${set}-labels-idx1-ubyte`), 1),
  ]);
  const [count = 0, height = 0, width = 0] = images.shape;
  if (labels.shape[0] !== count) {
    throw new Error(
      `Set '${set}' in ${folder} has ${count} images but ${labels.shape[0]} labels. Download both files again.`,
    );
  }
  return { pixels: images.values, labels: labels.values, size: height * width };
}

const unsignedBytes = 0x08;

async function readIdx(path: string, rank: number): Promise<{ shape: number[]; values: Uint8Array }> {
  const packed = `${path}.gz`;
  const bytes = existsSync(packed) ? gunzipSync(await readFile(packed)) : await readFile(path);
  const header = 4 + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isIdx = bytes.byteLength >= header && view.getUint16(0) === 0;
  const shape = isIdx ? Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i)) : [];
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const isWhole = isIdx && bytes[2] === unsignedBytes && bytes[3] === rank && bytes.byteLength === header + size;
  if (!isWhole) {
    throw new Error(
      `${path} is not a complete IDX file of unsigned bytes with ${rank} dimensions (${bytes.byteLength} bytes). Download ` +
        "the file again.",
    );
  }
  return { shape, values: new Uint8Array(bytes.buffer, bytes.byteOffset + header, size) };
}
