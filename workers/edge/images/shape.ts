import type { Pixels } from "#core/image/pixels.ts";

export interface Size {
  width: number;
  height: number;
}

/** How a picture becomes one of a model's size. */
export interface Shape {
  /** The size, of the picture as it is stored, to which averages shrink it; null where single pixels are taken. */
  target: Size | null;
  /** Turns decoded pixels upright and resizes them for a model. Colours are converted after that: there are fewer. */
  apply(pixels: Pixels): Pixels;
}

/** Reads an image's pixels, shaped for a model and in sRGB. Throws `ImageError` for one that can't be read. */
export type Reader = (bytes: Uint8Array<ArrayBuffer>, shape: Shape) => Promise<Pixels>;
