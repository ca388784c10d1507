import { browserScale } from "./browser-scale.ts";
import { type Picture, pictureLimits, type ScalePicture } from "./picture.ts";
import { headOf } from "./picture-head.ts";

/** Bytes from which a picture's size is read; metadata may come before it. */
const headBytes = 1024 * 1024;

/**
 * Returns a picture that the edge takes, or the picture itself where it fits already or nothing here can scale it: the
 * edge then says what is wrong with it.
 */
export async function fitPicture(picture: Picture, scale: ScalePicture | false | undefined): Promise<Picture> {
  const how = scale ?? browserScale();
  if (!how || (await fits(picture))) return picture;
  // The caller's own way may fail loudly; a browser may not know the type.
  return scale ? how(picture, pictureLimits) : how(picture, pictureLimits).catch(() => picture);
}

async function fits(picture: Picture): Promise<boolean> {
  const size = picture instanceof Blob ? picture.size : picture.bytes.byteLength;
  if (size > pictureLimits.maxBytes) return false;
  const head = headOf(await startOf(picture));
  return head !== null && head.width * head.height <= pictureLimits.maxPixels;
}

async function startOf(picture: Picture): Promise<Uint8Array> {
  if (picture instanceof Blob) return new Uint8Array(await picture.slice(0, headBytes).arrayBuffer());
  const { bytes } = picture;
  return bytes instanceof ArrayBuffer
    ? new Uint8Array(bytes, 0, Math.min(headBytes, bytes.byteLength))
    : bytes.subarray(0, headBytes);
}
