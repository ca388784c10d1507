import type { TrainingPlan } from "../recipes/index.ts";

/** Randomly mirrors and shifts an image [height, width, channels] in place; pixels from outside are zero. */
export function augment(
  values: Float32Array,
  [height = 0, width = 0, channels = 1]: readonly number[],
  { mirror, shift }: NonNullable<TrainingPlan["augment"]>,
  random: () => number,
): void {
  const isMirrored = random() < 0.5 && mirror;
  const down = randomShift(shift, random);
  const right = randomShift(shift, random);
  const image = values.slice(0, height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromY = y - down;
      const moved = x - right;
      const fromX = isMirrored ? width - 1 - moved : moved;
      const isInside = fromY >= 0 && fromY < height && fromX >= 0 && fromX < width;
      for (let c = 0; c < channels; c++) {
        const from = (fromY * width + fromX) * channels + c;
        values[(y * width + x) * channels + c] = isInside ? (image[from] as number) : 0;
      }
    }
  }
}

function randomShift(shift: number, random: () => number): number {
  return Math.floor(random() * (2 * shift + 1)) - shift;
}
