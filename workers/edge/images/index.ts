import type { ImageInput, Instance } from "#core/contract/index.ts";
import { readBytes } from "#core/http/body.ts";
import { FaultError } from "#core/http/fault.ts";
import { type Pixels, toInstance } from "#core/image/pixels.ts";
import { resample } from "#core/image/resample.ts";
import { decodeJpeg, decodeWebp } from "./codecs.ts";
import { headerOf, ImageError } from "./header.ts";
import { upright } from "./orientation.ts";
import { decodePng } from "./png.ts";
import { type ImageType, imageTypes } from "./types.ts";

export const imageMaxBytes = 4 * 1024 * 1024;

/** Whether a request's body is an image of any type. */
export function isImage(request: Request): boolean {
  return contentType(request).startsWith("image/");
}

/**
 * Reads an image from a request's body as an instance of a model: decoded, upright, of the manifest's size and channels.
 * Throws a fault for an unsupported, too large or corrupt image.
 */
export async function readImage(request: Request, input: ImageInput): Promise<Instance> {
  const type = typeOf(request);
  const bytes = new Uint8Array(await readBytes(request, imageMaxBytes));
  try {
    const { orientation } = headerOf(bytes, type);
    const decoded = await decoders[type](bytes);
    const [height, width] = input.size;
    const resize = input.resize ?? "bilinear";
    return toInstance(resample(upright(decoded, orientation), width, height, resize), input);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new FaultError({ kind: "invalid", errors: [error.fault] }, { cause: error });
  }
}

const decoders: Record<ImageType, (bytes: Uint8Array<ArrayBuffer>) => Promise<Pixels>> = {
  "image/jpeg": decodeJpeg,
  "image/png": decodePng,
  "image/webp": decodeWebp,
};

function typeOf(request: Request): ImageType {
  const given = contentType(request);
  const type = imageTypes.find((known) => known === given);
  if (type) return type;
  throw new FaultError({
    kind: "unsupported",
    expected: `${imageTypes.join(", ")} or application/json`,
    received: given,
    next: "Send the image in one of these types, or its pixels as JSON.",
  });
}

function contentType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}
