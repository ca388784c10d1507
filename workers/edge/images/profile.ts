import { concatBytes } from "#core/bytes.ts";
import { inflate } from "./inflate.ts";
import { marker, type Segment } from "./jpeg/frame.ts";
import { chunkOf } from "./riff.ts";

/** An ICC profile of a picture: most have 500 bytes to 4 kB, tables of presses up to 2 MB. Larger ones are not read. */
const profileMaxBytes = 512 * 1024;

const jpegMark = "ICC_PROFILE\0";

/** Reads the ICC profile of a JPEG, which may be divided among segments; null if there is none. */
export function profileOfJpeg(bytes: Uint8Array, segments: readonly Segment[]): Uint8Array | null {
  const parts = segments
    .filter(({ marker: code, start }) => code === marker.app2 && textAt(bytes, start, jpegMark.length) === jpegMark)
    .map(({ start, end }) => ({ number: bytes[start + 12] as number, data: bytes.subarray(start + 14, end) }))
    .sort((a, b) => a.number - b.number);
  return bounded(concatBytes(parts.map(({ data }) => data)));
}

/** Reads the ICC profile of a WebP; null if there is none. */
export function profileOfWebp(bytes: Uint8Array): Uint8Array | null {
  return bounded(chunkOf(bytes, 12, "ICCP")?.data ?? new Uint8Array());
}

/** Reads the ICC profile of a PNG's iCCP chunk: a name, a zero, the method, and the compressed profile. */
export async function profileOfPng(chunk: Uint8Array | undefined): Promise<Uint8Array | null> {
  const name = chunk?.indexOf(0) ?? -1;
  if (!chunk || name < 0) return null;
  try {
    const { bytes, parts } = await inflate([chunk.slice(name + 2)], profileMaxBytes, true);
    return bytes > profileMaxBytes ? null : bounded(concatBytes(parts));
  } catch {
    // A picture is shown without a profile that is broken.
    return null;
  }
}

function bounded(profile: Uint8Array): Uint8Array | null {
  return profile.length > 0 && profile.length <= profileMaxBytes ? profile : null;
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
