import type { ImageInput, Instance } from "#core/contract/index.ts";
import { contentType, readBytes } from "#core/http/body.ts";
import { FaultError } from "#core/http/fault.ts";
import { toInstance } from "#core/image/pixels.ts";
import { resample } from "#core/image/resample.ts";
import { ImageError } from "./error.ts";
import { orientationOf } from "./exif.ts";
import { scaleDown } from "./header.ts";
import { readJpeg } from "./jpeg/index.ts";
import { isTurned, upright } from "./orientation.ts";
import { readPng } from "./png.ts";
import type { Reader, Shape } from "./shape.ts";
import { type ImageType, imageTypes, kindOf } from "./types.ts";
import { readWebp } from "./webp.ts";

export const imageMaxBytes = 4 * 1024 * 1024;

/**
 * Reads a body that may be an image: `isImage` says whether it is, by its first bytes or its content type. Many clients
 * send a general content type, or another image's.
 */
export async function readBody(request: Request): Promise<{ isImage: boolean; bytes: Uint8Array<ArrayBuffer> }> {
  const type = contentType(request);
  const isDeclared = type.startsWith("image/");
  const bytes = new Uint8Array(await readBytes(request, imageMaxBytes).catch((error) => throwWith(error, type)));
  return { isImage: isDeclared || kindOf(bytes) !== null, bytes };
}

// Says what to do with a body that is too large, by what it may be.
function throwWith(error: unknown, type: string): never {
  const isTooLarge = error instanceof FaultError && error.fault.kind === "too-large";
  if (!isTooLarge || type === "application/json") throw error;
  const next = type.startsWith("image/") ? scaleDown : `Split a batch into smaller requests. ${scaleDown}`;
  throw new FaultError({ kind: "too-large", maxBytes: imageMaxBytes, next }, { cause: error });
}

/**
 * Reads an image as an instance of a model: decoded, upright, in sRGB, of the manifest's size and channels. Throws a fault
 * for an unsupported, too large or corrupt image.
 */
export async function readImage(
  request: Request,
  bytes: Uint8Array<ArrayBuffer>,
  input: ImageInput,
): Promise<Instance> {
  const type = typeOf(bytes, contentType(request));
  const orientation = orientationOf(bytes, type);
  const [height, width] = input.size;
  const method = input.resize ?? "bilinear";
  const stored = isTurned(orientation) ? { width: height, height: width } : { width, height };
  const shape: Shape = {
    target: method === "bilinear" ? stored : null,
    apply: (pixels) => resample(upright(pixels, orientation), width, height, method),
  };
  try {
    return toInstance(await readers[type](bytes, shape), input);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new FaultError({ kind: "invalid", errors: [error.fault], next: error.next }, { cause: error });
  }
}

const readers: Record<ImageType, Reader> = {
  "image/jpeg": readJpeg,
  "image/png": readPng,
  "image/webp": readWebp,
};

function typeOf(bytes: Uint8Array, declared: string): ImageType {
  const kind = kindOf(bytes);
  if (kind && "type" in kind) return kind.type;
  if (!kind && imageTypes.some((type) => type === declared)) {
    const received = bytes.length === 0 ? "an empty body" : "bytes that are no image";
    const fault = { path: "body", expected: `an image of type ${declared}`, received };
    throw new FaultError({ kind: "invalid", errors: [fault], next: bytes.length === 0 ? undefined : asItIs });
  }
  throw new FaultError({
    kind: "unsupported",
    expected: imageTypes.join(", "),
    received: kind ? `a picture of type ${kind.other}` : declared,
    next: nextOf(kind?.other ?? declared),
  });
}

const asItIs = "Send the file as it is: not as base64, not as a form.";

/** Says what to do with a picture of another type. */
function nextOf(name: string): string {
  if (/hei[cf]/i.test(name)) {
    return "Save it as JPEG. An iPhone takes JPEG with Settings, Camera, Formats, Most Compatible; Safari converts what a page takes as JPEG.";
  }
  if (/gif|avif|tiff|svg/i.test(name)) return "Save it as JPEG, PNG or WebP; the command line converts it by itself.";
  return "Save it as JPEG, PNG or WebP, or send its pixels as JSON.";
}
