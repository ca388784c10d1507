import { ProblemError, type UpriverClient } from "#client/index.ts";
import { toInstance } from "#core/image/pixels.ts";
import { resample } from "#core/image/resample.ts";

/** A picture of more pixels than the edge decodes, with details of a few pixels. */
const [width, height] = [4_000, 3_000];

/**
 * Checks what the client does with a phone's photo: it is scaled where the runtime has canvases, so that the answer is the
 * one for the photo's average colours, upright; elsewhere the edge says what to do.
 */
export async function asksAboutPhoto(client: UpriverClient, teacher: UpriverClient): Promise<void> {
  const { OffscreenCanvas } = globalThis as unknown as { OffscreenCanvas?: typeof CanvasLike };
  if (!OffscreenCanvas) return refusesPhoto(client);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const rgba = detailed();
  const image = context.createImageData(width, height);
  image.data.set(rgba);
  context.putImageData(image, 0, 0);
  const average = resample({ width, height, rgba }, 8, 6, "bilinear");
  const wanted = await client.ask("pictures", toInstance(average, { channels: 3 }) as number[][][]);
  const png = await canvas.convertToBlob({ type: "image/png" });
  near((await client.ask("pictures", png)).scores, wanted.scores);
  const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  near((await client.ask("pictures", jpeg)).scores, wanted.scores);
  // Stored upside down, as its EXIF says.
  const turned = resample({ width, height, rgba: reversed(rgba) }, 8, 6, "bilinear");
  const upsideDown = await client.ask("pictures", toInstance(turned, { channels: 3 }) as number[][][]);
  const tagged = new Blob([jpeg.slice(0, 2), exif(3), jpeg.slice(2)], { type: "image/jpeg" });
  near((await client.ask("pictures", tagged)).scores, upsideDown.scores);
  const { accepted } = await teacher.teachPicture("pictures", tagged, "b");
  if (accepted !== 1) throw new Error("the photo was not taught");
}

// The shape of what a browser has: these types are not those of Node and Workers.
declare class CanvasLike {
  constructor(width: number, height: number);
  getContext(kind: "2d"): {
    createImageData(width: number, height: number): { data: Uint8ClampedArray };
    putImageData(image: object, x: number, y: number): void;
  };
  convertToBlob(options: { type: string; quality?: number }): Promise<Blob>;
}

async function refusesPhoto(client: UpriverClient): Promise<void> {
  // The header of a PNG: its size is refused before the rest is read.
  const bytes = new Uint8Array(64);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  new DataView(bytes.buffer).setUint32(16, width);
  new DataView(bytes.buffer).setUint32(20, height);
  const error = await client.ask("pictures", { type: "image/png", bytes }).catch((reason: unknown) => reason);
  const isNamed = error instanceof ProblemError && error.message.includes("Scale the picture down");
  if (!isNamed) throw new Error(`expected what to do with the photo, but found ${error}`);
}

/** Colours that change over the picture, with stripes of three pixels across and of five down. */
function detailed(): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(4 * width * height);
  const pixels = new Uint32Array(rgba.buffer);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const red = x % 3 === 0 ? (255 * x) / width : 0;
      const green = y % 5 < 2 ? (255 * y) / height : 40;
      const blue = (x >> 9) % 2 === (y >> 9) % 2 ? 200 : 30;
      pixels[y * width + x] = (255 << 24) | (blue << 16) | (green << 8) | red;
    }
  }
  return rgba;
}

function reversed(rgba: Uint8ClampedArray): Uint8ClampedArray {
  return new Uint8ClampedArray(new Uint32Array(rgba.buffer).slice().reverse().buffer);
}

/** An EXIF segment that says one thing: the orientation. */
function exif(orientation: number): Uint8Array<ArrayBuffer> {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const body = [...new TextEncoder().encode("Exif\0\0"), ...tiff];
  return Uint8Array.from([0xff, 0xe1, 0, body.length + 2, ...body]);
}

function near(found: Record<string, number>, wanted: Record<string, number>): void {
  for (const [label, score] of Object.entries(wanted)) {
    const off = Math.abs((found[label] as number) - score);
    if (!(off < 0.01)) throw new Error(`'${label}' scores ${found[label]}, and ${score} for the averages`);
  }
}
