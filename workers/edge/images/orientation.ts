import type { Pixels } from "#core/image/pixels.ts";

/**
 * Maps pixels of the upright image to the stored image by its EXIF orientation (1 to 8): whether it is mirrored
 * horizontally, vertically, and across its diagonal.
 */
export function upright({ width, height, rgba }: Pixels, orientation: number): Pixels {
  if (orientation === 1) return { width, height, rgba };
  const turned = isTurned(orientation);
  const mirrorsColumns = [2, 3, 7, 8].includes(orientation);
  const mirrorsRows = [3, 4, 6, 7].includes(orientation);
  const [wide, tall] = turned ? [height, width] : [width, height];
  const from = new Uint32Array(rgba.slice().buffer);
  const out = new Uint32Array(wide * tall);
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < wide; x++) {
      const [column, row] = turned ? [y, x] : [x, y];
      const left = mirrorsColumns ? width - 1 - column : column;
      const top = mirrorsRows ? height - 1 - row : row;
      out[y * wide + x] = from[top * width + left] as number;
    }
  }
  return { width: wide, height: tall, rgba: new Uint8Array(out.buffer) };
}

/** Whether rows of the upright image are columns of the stored one. */
export function isTurned(orientation: number): boolean {
  return orientation >= 5;
}
