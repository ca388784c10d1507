/**
 * Unpacks zlib data, and counts as it goes: a few kilobytes can unpack to gigabytes. Returns how many bytes there are, and
 * the parts if they are kept; stops once there are more than `most`. Throws what the runtime throws for corrupt data.
 */
export async function inflate(
  packed: readonly Uint8Array<ArrayBuffer>[],
  most: number,
  isKept: boolean,
): Promise<{ bytes: number; parts: Uint8Array[] }> {
  const unpacked = new Blob([...packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = unpacked.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (let part = await reader.read(); !part.done && bytes <= most; part = await reader.read()) {
      bytes += part.value.byteLength;
      if (isKept && bytes <= most) parts.push(part.value);
    }
    return { bytes, parts };
  } finally {
    // Not awaited: a stream that decodes may wait for a reader before it ends.
    reader.cancel().catch(() => {});
  }
}
