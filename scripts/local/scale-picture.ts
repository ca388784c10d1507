import type { Picture, PictureLimits } from "#client/index.ts";
import { UsageError } from "./usage.ts";

/** High enough that a model sees no difference to the original. */
const jpegQuality = 95;
/** How much smaller the next try is, when a file is still too large. */
const tryFactor = 0.7;

/**
 * Makes a picture fit the edge: upright, in sRGB, scaled down; a JPEG as JPEG, another type as PNG where that fits. Reads what
 * sharp reads: AVIF, GIF, SVG and TIFF as well, the first picture of several.
 */
export async function scalePicture(picture: Picture, { maxBytes, maxSide }: PictureLimits): Promise<Picture> {
  const bytes = new Uint8Array(picture instanceof Blob ? await picture.arrayBuffer() : picture.bytes);
  // Loaded only where a picture needs it: it is a native module.
  const { default: sharp } = await import("sharp");
  const read = () => sharp(bytes).autoOrient().toColourspace("srgb");
  try {
    const { format } = await sharp(bytes).metadata();
    const isLossy = format === "jpeg" || format === "heif";
    const isOpaque = isLossy || (await sharp(bytes).stats()).isOpaque;
    for (let side = maxSide; side > 1; side = Math.floor(side * tryFactor)) {
      // Averages where it shrinks, as the edge does.
      const scaled = read().resize(side, side, { fit: "inside", withoutEnlargement: true, kernel: "linear" });
      const png = isLossy ? null : await scaled.clone().png().toBuffer();
      if (png && png.length <= maxBytes) return { type: "image/png", bytes: png };
      if (!isOpaque) continue;
      const jpeg = await scaled.jpeg({ quality: jpegQuality, chromaSubsampling: "4:4:4" }).toBuffer();
      if (jpeg.length <= maxBytes) return { type: "image/jpeg", bytes: jpeg };
    }
  } catch (cause) {
    throw unreadable(picture.type, cause);
  }
  throw unreadable(picture.type, null);
}

function unreadable(type: string, cause: unknown): UsageError {
  const next = /hei[cf]/.test(type)
    ? "Save it as JPEG: an iPhone takes JPEG with Settings, Camera, Formats, Most Compatible; a Mac converts with 'sips -s format jpeg photo.heic --out photo.jpg'."
    : "Check that the file opens elsewhere, or save it as JPEG, PNG or WebP.";
  return new UsageError(`A picture of type ${type} can't be converted here. ${next}`, { cause });
}
