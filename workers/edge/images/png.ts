import { convertIndexedToRgb, type DecodedPng, decode } from "fast-png";
import { concatBytes } from "#core/bytes.ts";
import type { Pixels } from "#core/image/pixels.ts";
import { brokenImage, type ImageError } from "./error.ts";
import { checkSize, sizeOf } from "./header.ts";
import { inSrgb } from "./icc.ts";
import { profileOfPng } from "./profile.ts";
import type { Shape } from "./shape.ts";

/**
 * Reads a PNG, or the default image of an animated one. Throws `ImageError` if it is corrupt or unpacks to more than its
 * dimensions need.
 */
export async function readPng(bytes: Uint8Array<ArrayBuffer>, shape: Shape): Promise<Pixels> {
  const { width, height } = sizeOf(bytes, "image/png");
  checkSize(width, height);
  const { file, header, packed, profile } = readChunks(bytes);
  await checkUnpacked(packed, unpackedBytes(header));
  return inSrgb(shape(decodePng(file)), await profileOfPng(profile));
}

function decodePng(file: Uint8Array): Pixels {
  let decoded: DecodedPng;
  try {
    decoded = decode(file);
  } catch (cause) {
    throw broken(cause);
  }
  return toPixels(decoded);
}

interface Header {
  width: number;
  height: number;
  depth: number;
  colourType: number;
  isInterlaced: boolean;
}

const signatureBytes = 8;
/** The chunks that make up the image. Others are skipped unread, since they may be compressed. */
const needed = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];

function readChunks(bytes: Uint8Array<ArrayBuffer>) {
  const view = new DataView(bytes.buffer);
  const kept: Uint8Array<ArrayBuffer>[] = [bytes.subarray(0, signatureBytes)];
  const packed: Uint8Array<ArrayBuffer>[] = [];
  let name = "";
  let profile: Uint8Array | undefined;
  for (let at = signatureBytes; name !== "IEND"; ) {
    if (at + 12 > bytes.length) throw broken();
    const size = view.getUint32(at);
    if (at + 12 + size > bytes.length) throw broken();
    name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (needed.includes(name)) kept.push(bytes.subarray(at, at + 12 + size));
    if (name === "iCCP") profile = bytes.subarray(at + 8, at + 8 + size);
    if (name === "IDAT") packed.push(bytes.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  const [, first] = kept;
  if (first?.length !== 25 || packed.length === 0) throw broken();
  const header = new DataView(first.buffer, first.byteOffset);
  return {
    file: concatBytes(kept),
    packed,
    profile,
    header: {
      width: header.getUint32(8),
      height: header.getUint32(12),
      depth: header.getUint8(16),
      colourType: header.getUint8(17),
      isInterlaced: header.getUint8(20) === 1,
    },
  };
}

const channelsOf: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Computes the size of an image's rows, filter bytes included. An interlaced image consists of seven smaller ones. */
function unpackedBytes({ width, height, depth, colourType, isInterlaced }: Header): number {
  const channels = channelsOf[colourType];
  if (!channels || ![1, 2, 4, 8, 16].includes(depth)) throw broken();
  const bytesOf = (wide: number, tall: number) =>
    wide === 0 || tall === 0 ? 0 : tall * (1 + Math.ceil((wide * channels * depth) / 8));
  if (!isInterlaced) return bytesOf(width, height);
  return passes.reduce((sum, [x, y, right, down]) => {
    return sum + bytesOf(Math.ceil((width - x) / right), Math.ceil((height - y) / down));
  }, 0);
}

/** Adam7: the start and the step of each pass. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

// A few kilobytes can unpack to gigabytes, so the size is checked before the bytes are kept.
async function checkUnpacked(packed: readonly Uint8Array<ArrayBuffer>[], expected: number): Promise<void> {
  const unpacked = new Blob([...packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = unpacked.getReader();
  let bytes = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.byteLength;
      if (bytes > expected) break;
    }
  } catch (cause) {
    throw broken(cause);
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (bytes !== expected) throw broken();
}

function toPixels(decoded: DecodedPng): Pixels {
  const { width, height, palette } = decoded;
  const channels = palette ? (palette[0]?.length ?? 3) : decoded.channels;
  const data = palette ? convertIndexedToRgb(decoded) : evenDepth(decoded);
  const rgba = new Uint8Array(4 * width * height);
  const hidden = palette ? null : hiddenColour(decoded);
  for (let i = 0; i < width * height; i++) {
    const at = (channel: number) => data[i * channels + channel] as number;
    const isGrey = channels < 3;
    const colour = isGrey ? [at(0), at(0), at(0)] : [at(0), at(1), at(2)];
    const isHidden = hidden?.every((value, c) => value === colour[c]);
    const opacity = channels % 2 === 0 ? at(channels - 1) : isHidden ? 0 : 255;
    rgba.set([...colour, opacity], 4 * i);
  }
  return { width, height, rgba };
}

/** Scales values of any bit depth to 0 to 255. */
function evenDepth({ data, depth, width, height, channels }: DecodedPng): Uint8Array {
  if (depth === 8) return data as Uint8Array;
  if (depth === 16) return Uint8Array.from(data, (value) => value >> 8);
  const most = 2 ** depth - 1;
  const rowBytes = Math.ceil((width * channels * depth) / 8);
  return Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [row, column] = [Math.floor(i / (width * channels)), i % (width * channels)];
    const bit = column * depth;
    const byte = data[row * rowBytes + (bit >> 3)] as number;
    return ((((byte >> (8 - depth - (bit & 7))) & most) * 255) / most) | 0;
  });
}

/** Reads the colour that a tRNS chunk makes transparent, in the image's bit depth. */
function hiddenColour({ transparency, depth }: DecodedPng): number[] | null {
  if (!transparency) return null;
  const even = Array.from(transparency, (value) =>
    depth === 16 ? value >> 8 : Math.floor((value * 255) / (2 ** depth - 1)),
  );
  return even.length === 1 ? ([even[0], even[0], even[0]] as number[]) : even;
}

function broken(cause?: unknown): ImageError {
  return brokenImage("image/png", cause);
}
