/** Bytes one after another. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

// What may be spread into a call, and whole groups of three bytes, so that the parts go on from each other.
const base64PartBytes = 3 * 8 * 1024;

/** Bytes as base64. */
export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += base64PartBytes) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + base64PartBytes)));
  }
  return text;
}
