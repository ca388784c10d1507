import type { ImageInput, Input, Instance } from "../../core/contract/index.ts";
import { type Pixels, toInstance } from "../../core/image/pixels.ts";
import { resample } from "../../core/image/resample.ts";
import { isPicture } from "../requests.ts";
import { DeviceError } from "./errors.ts";
import type { DeviceInput } from "./types.ts";

/**
 * Returns the instance of what a device is asked about. Pictures are read by the browser, and resized as the edge does.
 * @param input the input of the network
 */
export async function instanceOf(given: DeviceInput, input: Input): Promise<Instance> {
  const pixels = await pixelsOf(given);
  if (!pixels) return given as Instance;
  if (input.kind !== "image") throw new DeviceError("The model takes no pictures. Ask it with an instance.");
  return fitted(pixels, input);
}

function fitted(pixels: Pixels, input: ImageInput): Instance {
  const [height, width] = input.size;
  return toInstance(resample(pixels, width, height, input.resize ?? "bilinear"), input);
}

async function pixelsOf(given: DeviceInput): Promise<Pixels | null> {
  if (typeof ImageBitmap !== "undefined" && given instanceof ImageBitmap) return drawn(given);
  if (typeof ImageData !== "undefined" && given instanceof ImageData) {
    return { width: given.width, height: given.height, rgba: given.data };
  }
  if (!isPicture(given as Instance)) return null;
  if (typeof createImageBitmap === "undefined") {
    throw new DeviceError("Pictures can be read in browsers only. Ask with the pixels: [height][width][channels].");
  }
  const { type, bytes } = given as { type: string; bytes: Uint8Array<ArrayBuffer> };
  const blob = given instanceof Blob ? given : new Blob([bytes], { type });
  return drawn(
    await createImageBitmap(blob, { imageOrientation: "from-image" }).catch((cause: unknown) => {
      throw new DeviceError(`The browser can't read this picture (${type}): ${String(cause)}`);
    }),
  );
}

function drawn(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new DeviceError("The browser has no canvas for pictures. Ask with the pixels.");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, rgba: context.getImageData(0, 0, width, height).data };
}
