export const imageTypes = ["image/jpeg", "image/png", "image/webp"] as const;
/** The supported media types of images. */
export type ImageType = (typeof imageTypes)[number];

/** A kind of image, by its first bytes: one that is decoded, or the name of another. */
export type ImageKind = { type: ImageType } | { other: string };

/** Recognises an image by its first bytes, whatever its content type says; null for other bytes. */
export function kindOf(bytes: Uint8Array): ImageKind | null {
  // No image begins as an object or an array of JSON does.
  if (bytes[0] === 0x7b || bytes[0] === 0x5b) return null;
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (text(0, 3) === "\xff\xd8\xff") return { type: "image/jpeg" };
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return { type: "image/png" };
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return { type: "image/webp" };
  if (text(4, 8) === "ftyp") return otherOf(isoBrands[text(8, 12)]);
  return otherOf(others.find(([start]) => text(0, start.length) === start)?.[1]);
}

function otherOf(name: string | undefined): ImageKind | null {
  return name === undefined ? null : { other: name };
}

const isoBrands: Record<string, string> = {
  ...{ heic: "HEIC", heix: "HEIC", hevc: "HEIC", hevx: "HEIC", heim: "HEIC", heis: "HEIC", mif1: "HEIF", msf1: "HEIF" },
  ...{ avif: "AVIF", avis: "AVIF", "crx ": "CR3" },
};

const others: readonly [start: string, name: string][] = [
  ["GIF8", "GIF"],
  ["BM", "BMP"],
  ["II*\0", "TIFF"],
  ["MM\0*", "TIFF"],
  ["\xff\x0a", "JPEG XL"],
  ["\0\0\0\fJXL ", "JPEG XL"],
  ["\0\0\0\fjP  ", "JPEG 2000"],
  ["<svg", "SVG"],
  ["%PDF", "PDF"],
];
