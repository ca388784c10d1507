import { concatBytes } from "#core/bytes.ts";

/** A chunk of a RIFF container. */
export interface Chunk {
  name: string;
  data: Uint8Array;
}

/** Lists the chunks from a place on, up to the first one that is cut off. */
export function chunksOf(bytes: Uint8Array, from: number): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = from; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (at + 8 + size > bytes.length) break;
    chunks.push({
      name: String.fromCharCode(...bytes.subarray(at, at + 4)),
      data: bytes.subarray(at + 8, at + 8 + size),
    });
    at += 8 + size + (size % 2);
  }
  return chunks;
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
