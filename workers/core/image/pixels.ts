import type { ImageInput, Instance } from "../contract/index.ts";

/** A decoded image: red, green, blue and alpha from 0 to 255, row by row. */
export interface Pixels {
  width: number;
  height: number;
  rgba: Uint8Array | Uint8ClampedArray;
}

/** The default background of transparent pixels: white. */
const paper = 255;
const opaque = 255;

/** Converts an image to nested arrays [height][width][channels]. Grey is luma (ITU-R BT.601); 4 channels keep alpha. */
export function toInstance(
  { width, height, rgba }: Pixels,
  { channels, background = paper }: Pick<ImageInput, "channels" | "background">,
): Instance {
  const over = (value: number, alpha: number) =>
    alpha === opaque ? value : value * (alpha / opaque) + background * (1 - alpha / opaque);
  const rows: number[][][] = [];
  for (let y = 0, at = 0; y < height; y++) {
    const row: number[][] = [];
    for (let x = 0; x < width; x++, at += 4) {
      const alpha = rgba[at + 3] as number;
      const [r, g, b] = [rgba[at] as number, rgba[at + 1] as number, rgba[at + 2] as number];
      if (channels === 4) row.push([r, g, b, alpha]);
      else if (channels === 3)
        row.push([Math.round(over(r, alpha)), Math.round(over(g, alpha)), Math.round(over(b, alpha))]);
      else row.push([Math.round(0.299 * over(r, alpha) + 0.587 * over(g, alpha) + 0.114 * over(b, alpha))]);
    }
    rows.push(row);
  }
  return rows;
}
