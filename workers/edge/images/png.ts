import { convertIndexedToRgb, type DecodedPng, decode } from "fast-png";
import { concatBytes } from "#core/bytes.ts";
import type { Pixels } from "#core/image/pixels.ts";
import { passesOf } from "./adam7.ts";
import { brokenImage, ImageError } from "./error.ts";
import { checkSize, sizeOf } from "./header.ts";
import { inSrgb } from "./icc.ts";
import { inflate } from "./inflate.ts";
import { profileOfPng } from "./profile.ts";
import type { Shape } from "./shape.ts";

/**
 * Reads a PNG, or the default image of an animated one. Throws `ImageError` if it is corrupt or unpacks to more than its
 * dimensions need.
 */
export async function readPng(bytes: Uint8Array<ArrayBuffer>, shape: Shape): Promise<Pixels> {
  const { width, height } = sizeOf(bytes, "image/png");
  checkSize(width, height);
  const { chunks, header, packed, profile } = readChunks(bytes);
  checkSize(header.width, header.height);
  const isSmall = header.isInterlaced && header.depth < 8;
  const unpacked = await unpack(packed, unpackedBytes(header), isSmall);
  const pixels = isSmall
    ? await decodeInterlaced(chunks, header, concatBytes(unpacked))
    : decodePng(concatBytes([signature, ...chunks]));
  return inSrgb(shape.apply(pixels), await profileOfPng(profile));
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

const signature = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** The chunks that make up the image. Others are skipped unread, since they may be compressed. */
const needed = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];

/** The most chunks of a PNG: encoders write pixels in parts of 8 kB or more. */
const chunksMax = 20_000;

function readChunks(bytes: Uint8Array<ArrayBuffer>) {
  const view = new DataView(bytes.buffer);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const packed: Uint8Array<ArrayBuffer>[] = [];
  let name = "";
  let profile: Uint8Array | undefined;
  for (let at = signature.length; name !== "IEND"; ) {
    if (at + 12 > bytes.length) throw broken();
    const size = view.getUint32(at);
    if (at + 12 + size > bytes.length) throw broken();
    name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (needed.includes(name)) chunks.push(bytes.subarray(at, at + 12 + size));
    if (chunks.length > chunksMax) throw new ImageError(`a PNG of at most ${chunksMax} chunks`, "more chunks");
    if (name === "iCCP") profile = bytes.subarray(at + 8, at + 8 + size);
    if (name === "IDAT") packed.push(bytes.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  const [first] = chunks;
  if (first?.length !== 25 || packed.length === 0) throw broken();
  const header = new DataView(first.buffer, first.byteOffset);
  return {
    chunks,
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
  const bytesOf = (one: { width: number; height: number }) =>
    one.height * (1 + Math.ceil((one.width * channels * depth) / 8));
  if (!isInterlaced) return bytesOf({ width, height });
  return passesOf(width, height).reduce((sum, pass) => sum + bytesOf(pass), 0);
}

/** Checks that an image unpacks to its size, and returns what it unpacks to if it is kept. */
async function unpack(
  packed: readonly Uint8Array<ArrayBuffer>[],
  expected: number,
  isKept: boolean,
): Promise<Uint8Array[]> {
  const { bytes, parts } = await inflate(packed, expected, isKept).catch((cause) => {
    throw broken(cause);
  });
  if (bytes !== expected) throw broken();
  return parts;
}

/**
 * Decodes an interlaced image of less than 8 bits, which the decoder takes for one of 8: each of its passes is decoded as
 * an image of its own.
 */
async function decodeInterlaced(
  chunks: readonly Uint8Array[],
  header: Header,
  unpacked: Uint8Array<ArrayBuffer>,
): Promise<Pixels> {
  const { width, height, depth, colourType } = header;
  const out = new Uint32Array(width * height);
  const colours = chunks.filter((chunk) => ["PLTE", "tRNS"].includes(nameOf(chunk)));
  let at = 0;
  for (const pass of passesOf(width, height)) {
    const own = { ...header, width: pass.width, height: pass.height, isInterlaced: false };
    const rows = unpacked.subarray(at, at + unpackedBytes(own));
    at += rows.length;
    const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
    const { rgba } = decodePng(
      concatBytes([
        ...[signature, chunkOf("IHDR", [...uint32(pass.width), ...uint32(pass.height), depth, colourType, 0, 0, 0])],
        ...[...colours, chunkOf("IDAT", new Uint8Array(await new Response(packed).arrayBuffer())), chunkOf("IEND", [])],
      ]),
    );
    const pixels = new Uint32Array(rgba.buffer);
    for (const [i, pixel] of pixels.entries()) {
      const [x, y] = [pass.left + (i % pass.width) * pass.right, pass.top + Math.floor(i / pass.width) * pass.down];
      out[y * width + x] = pixel;
    }
  }
  return { width, height, rgba: new Uint8Array(out.buffer) };
}

function nameOf(chunk: Uint8Array): string {
  return String.fromCharCode(...chunk.subarray(4, 8));
}

/** Writes a chunk. The decoder does not look at checksums. */
function chunkOf(name: string, data: Uint8Array | readonly number[]): Uint8Array {
  return concatBytes([
    Uint8Array.from(uint32(data.length)),
    new TextEncoder().encode(name),
    Uint8Array.from(data),
    new Uint8Array(4),
  ]);
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function toPixels(decoded: DecodedPng): Pixels {
  const { width, height, palette } = decoded;
  const channels = palette ? (palette[0]?.length ?? 3) : decoded.channels;
  const data = palette ? convertIndexedToRgb(decoded) : evenDepth(decoded);
  const rgba = new Uint8Array(4 * width * height);
  const hidden = palette ? null : hiddenColour(decoded);
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  const hasAlpha = channels % 2 === 0;
  for (let to = 0, from = 0; to < rgba.length; to += 4, from += channels) {
    rgba[to] = data[from] as number;
    rgba[to + 1] = data[from + green] as number;
    rgba[to + 2] = data[from + blue] as number;
    rgba[to + 3] = hasAlpha ? (data[from + channels - 1] as number) : 255;
    const isHidden = hidden && !hasAlpha && hidden.every((value, c) => value === rgba[to + c]);
    if (isHidden) rgba[to + 3] = 0;
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
