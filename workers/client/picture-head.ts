/** What a picture's first bytes say. */
export interface PictureHead {
  type: "image/jpeg" | "image/png" | "image/webp";
  width: number;
  height: number;
}

/** Reads the type and the size of a JPEG, PNG or WebP from its first bytes; null for anything else. */
export function headOf(bytes: Uint8Array): PictureHead | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  try {
    if (text(0, 3) === "\xff\xd8\xff") return ofJpeg(view);
    if (text(0, 4) === "\x89PNG") return { type: "image/png", width: view.getUint32(16), height: view.getUint32(20) };
    if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") return ofWebp(view, text(12, 4));
  } catch (error) {
    // The header is cut off.
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

// Segments: FF, a kind, and a length that includes its own two bytes. A frame's kind is C0 to CF, without three others.
function ofJpeg(view: DataView): PictureHead | null {
  for (let at = 2; view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    const kind = view.getUint8(at + 1);
    if (kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc) {
      return { type: "image/jpeg", width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
  }
  return null;
}

function ofWebp(view: DataView, chunk: string): PictureHead | null {
  const type = "image/webp";
  const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  switch (chunk) {
    case "VP8X":
      return { type, width: 1 + uint24(24), height: 1 + uint24(27) };
    case "VP8L": {
      const bits = view.getUint32(21, true);
      return { type, width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
    }
    case "VP8 ":
      return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    default:
      return null;
  }
}
