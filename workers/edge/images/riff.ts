import { concatBytes } from "#core/bytes.ts";

/** A chunk of a RIFF container. */
export interface Chunk {
  name: string;
  data: Uint8Array;
}

/** Finds the first chunk of a name from a place on; null if there is none before one that is cut off. */
export function chunkOf(bytes: Uint8Array, from: number, wanted: string): Chunk | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (at + 8 + size > bytes.length) return null;
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    if (name === wanted) return { name, data: bytes.subarray(at + 8, at + 8 + size) };
    at += 8 + size + (size % 2);
  }
  return null;
}

/** Writes a WebP of some chunks. */
export function webpOf(chunks: readonly Chunk[]): Uint8Array<ArrayBuffer> {
  const body = concatBytes([
    text("WEBP"),
    ...chunks.flatMap(({ name, data }) => [text(name), uint32(data.length), data, even(data)]),
  ]);
  return concatBytes([text("RIFF"), uint32(body.length), body]);
}

const text = (value: string) => new TextEncoder().encode(value);
const even = ({ length }: Uint8Array) => new Uint8Array(length % 2);

function uint32(value: number): Uint8Array {
  return Uint8Array.from([value, value >> 8, value >> 16, value >>> 24]);
}
