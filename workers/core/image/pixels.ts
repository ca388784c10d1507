import type { ImageInput, Instance } from "../contract/index.ts";

/** A decoded image: red, green, blue and alpha from 0 to 255, row by row. */
export interface Pixels {
  width: number;
  height: number;
  rgba: Uint8Array | Uint8ClampedArray;
}

/** The default background of transparent pixels: white. */
const paper = 255;

/** Converts an image to nested arrays [height][width][channels]. Grey is luma (ITU-R BT.601); 4 channels keep alpha. */
export function toInstance(
  { width, height, rgba }: Pixels,
  { channels, background = paper }: Pick<ImageInput, "channels" | "background">,
): Instance {
  const over = (at: number, channel: number) => {
    const opacity = (rgba[at + 3] as number) / 255;
    return (rgba[at + channel] as number) * opacity + background * (1 - opacity);
  };
  const pixel = (at: number): number[] => {
    if (channels === 4) return Array.from(rgba.subarray(at, at + 4));
    const [red, green, blue] = [over(at, 0), over(at, 1), over(at, 2)] as const;
    if (channels === 3) return [Math.round(red), Math.round(green), Math.round(blue)];
    return [Math.round(0.299 * red + 0.587 * green + 0.114 * blue)];
  };
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, column) => pixel(4 * (row * width + column))),
  );
}
