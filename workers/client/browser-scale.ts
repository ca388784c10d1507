import type { Picture, PictureLimits, ScalePicture } from "./picture.ts";

/** The parts of a browser that scale pictures; Node, Deno and Workers lack some of them. */
interface Canvases {
  createImageBitmap?: (source: Blob | Bitmap, options: object) => Promise<Bitmap>;
  OffscreenCanvas?: new (width: number, height: number) => Canvas;
}

interface Bitmap {
  width: number;
  height: number;
  close(): void;
}

interface Canvas {
  getContext(kind: "2d"): Context | null;
  convertToBlob(options: { type: string; quality?: number }): Promise<Blob>;
}

interface Context {
  drawImage(image: Bitmap, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
}

/** Returns the browser's way to scale pictures; null where there is none. */
export function browserScale(): ScalePicture | null {
  const { createImageBitmap, OffscreenCanvas } = globalThis as unknown as Canvases;
  return createImageBitmap && OffscreenCanvas
    ? (picture, limits) => scale(picture, limits, createImageBitmap, OffscreenCanvas)
    : null;
}

/** High enough that a model sees no difference to the original. */
const jpegQuality = 0.95;
/** How much smaller the next try is, when a file is still too large. */
const tryFactor = 0.7;
const sideMin = 64;

// Scales bitmaps, not canvases: those of Safari may have 16 megapixels only, and stay blank beyond.
async function scale(
  picture: Picture,
  { maxBytes, maxSide }: PictureLimits,
  createImageBitmap: NonNullable<Canvases["createImageBitmap"]>,
  OffscreenCanvas: NonNullable<Canvases["OffscreenCanvas"]>,
): Promise<Picture> {
  const blob = picture instanceof Blob ? picture : new Blob([picture.bytes as Uint8Array<ArrayBuffer>]);
  const isJpeg = await beginsAsJpeg(blob);
  let bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const { width, height } = bitmap;
  try {
    for (let side = Math.min(maxSide, Math.max(width, height)); side >= sideMin; side = Math.floor(side * tryFactor)) {
      const [wide, tall] = [width, height].map((one) =>
        Math.max(1, Math.round((one * side) / Math.max(width, height))),
      );
      bitmap = await shrunk(bitmap, wide as number, tall as number, createImageBitmap);
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      if (!context) break;
      context.drawImage(bitmap, 0, 0);
      // Other types may be lossless.
      const types = isJpeg ? [jpeg] : isOpaque(context, bitmap) ? [png, jpeg] : [png];
      for (const type of types) {
        const file = await canvas.convertToBlob(type);
        if (file.size <= maxBytes) return file;
      }
    }
  } finally {
    // A phone's photo takes 48 MB.
    bitmap.close();
  }
  throw new Error("The picture cannot be made to fit.");
}

const jpeg = { type: "image/jpeg", quality: jpegQuality };
const png = { type: "image/png" };

/** Halves a bitmap until the last step: browsers look at a few pixels around a place, so that larger steps skip some. */
async function shrunk(
  from: Bitmap,
  width: number,
  height: number,
  createImageBitmap: NonNullable<Canvases["createImageBitmap"]>,
): Promise<Bitmap> {
  let bitmap = from;
  while (bitmap.width > width || bitmap.height > height) {
    const next = await createImageBitmap(bitmap, {
      resizeWidth: Math.max(width, Math.ceil(bitmap.width / 2)),
      resizeHeight: Math.max(height, Math.ceil(bitmap.height / 2)),
      resizeQuality: "high",
    });
    bitmap.close();
    bitmap = next;
  }
  return bitmap;
}

async function beginsAsJpeg(blob: Blob): Promise<boolean> {
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  return first === 0xff && second === 0xd8;
}

function isOpaque(context: Context, { width, height }: Bitmap): boolean {
  const { data } = context.getImageData(0, 0, width, height);
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}
