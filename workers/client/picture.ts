/** A picture: a JPEG, PNG or WebP, or another type that can be converted to one where it is sent from. */
export type Picture = Blob | { type: string; bytes: ArrayBuffer | Uint8Array };

/** What the edge takes. */
export interface PictureLimits {
  /** Most pixels. */
  maxPixels: number;
  /** Most bytes of the file. */
  maxBytes: number;
  /** The long side to scale to: high enough that the edge's own scaling to a model's size decides the result. */
  maxSide: number;
}

/** Makes a picture fit: upright, in sRGB, a JPEG, PNG or WebP within the limits. */
export type ScalePicture = (picture: Picture, limits: PictureLimits) => Promise<Picture>;

/** The edge's limits of PNG and WebP, for every type: it takes larger JPEGs, but a smaller one is sent sooner. */
export const pictureLimits: PictureLimits = { maxPixels: 2_048 * 2_048, maxBytes: 4 * 1024 * 1024, maxSide: 2_048 };
