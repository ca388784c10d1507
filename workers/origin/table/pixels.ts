import type { ImageInput } from "#core/contract/index.ts";
import { type Pixels, toInstance } from "#core/image/pixels.ts";
import { resample } from "#core/image/resample.ts";

/** Reads images as the pixels of an input: upright, of its size and channels, as the edge decodes them. */
export async function readPixels(
  input: Pick<ImageInput, "size" | "channels" | "background" | "resize">,
  paths: readonly string[],
): Promise<Uint8Array[]> {
  const [height, width] = input.size;
  const all: Uint8Array[] = [];
  for (const path of paths) {
    const image = resample(await decode(path), width, height, input.resize ?? "bilinear");
    all.push(Uint8Array.from((toInstance(image, input) as unknown[]).flat(2) as number[]));
  }
  return all;
}

/** Reads the height, width and number of colour channels of an image, upright. */
export async function sizeOfImage(path: string): Promise<{ height: number; width: number; isGrey: boolean }> {
  try {
    const { width = 0, height = 0, space, orientation = 1 } = await (await sharp())(path).metadata();
    const isGrey = space === "b-w";
    return orientation >= 5 ? { height: width, width: height, isGrey } : { height, width, isGrey };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

// Loaded only where there are pictures: it is a native module.
async function sharp() {
  return (await import("sharp")).default;
}

async function decode(path: string): Promise<Pixels> {
  try {
    const { data, info } = await (await sharp())(path).rotate().toColourspace("srgb").ensureAlpha().raw().toBuffer({
      resolveWithObject: true,
    });
    return { width: info.width, height: info.height, rgba: new Uint8Array(data) };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): Error {
  return new Error(`${path} cannot be read as an image. Replace the file, or delete it.`, { cause });
}
