import type { Pixels } from "#core/image/pixels.ts";

/** Turns decoded pixels upright and resizes them for a model. Colours are converted after that: there are fewer. */
export type Shape = (pixels: Pixels) => Pixels;

/** Reads an image's pixels, shaped for a model and in sRGB. Throws `ImageError` for one that can't be read. */
export type Reader = (bytes: Uint8Array<ArrayBuffer>, shape: Shape) => Promise<Pixels>;
