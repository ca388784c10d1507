/** A pass of an interlaced PNG: the place of its first pixel, the steps between pixels, and its size. */
export interface Pass {
  left: number;
  top: number;
  right: number;
  down: number;
  width: number;
  height: number;
}

/** Adam7: the start and the step of each pass, across and down. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Lists the passes of an interlaced image that have pixels: each is an image of its own. */
export function passesOf(width: number, height: number): Pass[] {
  return passes
    .map(([left, top, right, down]) => {
      const [wide, tall] = [Math.ceil((width - left) / right), Math.ceil((height - top) / down)];
      return { left, top, right, down, width: wide, height: tall };
    })
    .filter((pass) => pass.width > 0 && pass.height > 0);
}
