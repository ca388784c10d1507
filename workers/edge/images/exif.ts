import type { ImageType } from "./types.ts";

/** Reads the EXIF orientation, 1 to 8; 1 (upright) if there is none. */
export function orientationOf(bytes: Uint8Array, type: ImageType): number {
  const tiff = tiffOf(bytes, type);
  const found = tiff && readOrientation(tiff);
  return found && found >= 1 && found <= 8 ? found : 1;
}

function tiffOf(bytes: Uint8Array, type: ImageType): DataView | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case "image/jpeg":
      return inJpeg(view);
    case "image/png":
      return inChunks(view, 8, "eXIf", { sizeAt: 0, nameAt: 4, littleEndian: false, extra: 12, padded: false });
    case "image/webp":
      return inChunks(view, 12, "EXIF", { sizeAt: 4, nameAt: 0, littleEndian: true, extra: 8, padded: true });
  }
}

const exifMark = "Exif\0\0";

// Segments before the image data: FF, a kind, and a length that includes its own two bytes.
function inJpeg(view: DataView): DataView | null {
  for (let at = 2; at + 4 <= view.byteLength && view.getUint8(at) === 0xff; ) {
    const [kind, size] = [view.getUint8(at + 1), view.getUint16(at + 2)];
    if (kind === 0xda) return null;
    if (kind === 0xe1 && textAt(view, at + 4, 6) === exifMark) return part(view, at + 10, size - 8);
    at += 2 + size;
  }
  return null;
}

interface ChunkForm {
  sizeAt: number;
  nameAt: number;
  littleEndian: boolean;
  /** Bytes of a chunk besides its data. */
  extra: number;
  /** Whether data of odd length is followed by a byte. */
  padded: boolean;
}

function inChunks(view: DataView, from: number, name: string, form: ChunkForm): DataView | null {
  for (let at = from; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at + form.sizeAt, form.littleEndian);
    if (textAt(view, at + form.nameAt, 4) === name) {
      const data = part(view, at + 8, size);
      return data && textAt(data, 0, 6) === exifMark ? part(data, 6, data.byteLength - 6) : data;
    }
    at += form.extra + size + (form.padded ? size % 2 : 0);
  }
  return null;
}

// A TIFF header, then the first directory: entries of tag, type, count and value, twelve bytes each.
function readOrientation(tiff: DataView): number | null {
  if (tiff.byteLength < 8) return null;
  const littleEndian = textAt(tiff, 0, 2) === "II";
  const directory = tiff.getUint32(4, littleEndian);
  if (directory + 2 > tiff.byteLength) return null;
  const entries = tiff.getUint16(directory, littleEndian);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > tiff.byteLength) return null;
    if (tiff.getUint16(at, littleEndian) === 0x0112) return tiff.getUint16(at + 8, littleEndian);
  }
  return null;
}

function part(view: DataView, at: number, size: number): DataView | null {
  return size > 0 && at + size <= view.byteLength ? new DataView(view.buffer, view.byteOffset + at, size) : null;
}

function textAt(view: DataView, at: number, length: number): string {
  if (at + length > view.byteLength) return "";
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
}
