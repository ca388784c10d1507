import type { Pixels } from "./pixels.ts";

/** The source pixels of a target pixel: the index of the first one, and the weights from there on. */
interface Tap {
  first: number;
  weights: number[];
}

/**
 * Resizes an image. `bilinear` uses a triangle filter as wide as the step between pixels, so that shrinking averages
 * (like Pillow and torchvision); `nearest` takes the pixel in the middle. Colours are weighted by alpha.
 * Works on one row of floats at a time, to save a copy of the image.
 */
export function resample(source: Pixels, width: number, height: number, method: "bilinear" | "nearest"): Pixels {
  if (source.width === width && source.height === height) return source;
  const across = taps(source.width, width, method);
  const down = taps(source.height, height, method);
  const rgba = new Uint8Array(4 * width * height);
  const rows = new Map<number, Float32Array>();
  for (const [y, { first, weights }] of down.entries()) {
    for (const known of rows.keys()) if (known < first) rows.delete(known);
    const sum = new Float32Array(4 * width);
    for (const [i, weight] of weights.entries()) {
      const row = rows.get(first + i) ?? shrunkRow(source, first + i, across);
      rows.set(first + i, row);
      for (let j = 0; j < sum.length; j++) sum[j] = (sum[j] as number) + weight * (row[j] as number);
    }
    writeRow(rgba, y * width, sum);
  }
  return { width, height, rgba };
}

function taps(from: number, to: number, method: "bilinear" | "nearest"): Tap[] {
  const step = from / to;
  const reach = Math.max(1, step);
  return Array.from({ length: to }, (_, i) => {
    const middle = (i + 0.5) * step;
    if (method === "nearest") return { first: Math.min(from - 1, Math.floor(middle)), weights: [1] };
    const first = Math.max(0, Math.floor(middle - reach));
    const last = Math.min(from - 1, Math.ceil(middle + reach) - 1);
    const raw = Array.from({ length: last - first + 1 }, (_, j) =>
      Math.max(0, 1 - Math.abs(first + j + 0.5 - middle) / reach),
    );
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: raw.map((weight) => weight / total) };
  });
}

// Premultiplied by alpha.
function shrunkRow({ width, rgba }: Pixels, row: number, across: readonly Tap[]): Float32Array {
  const out = new Float32Array(4 * across.length);
  for (const [x, { first, weights }] of across.entries()) {
    for (const [i, weight] of weights.entries()) {
      const at = 4 * (row * width + first + i);
      const opacity = rgba[at + 3] as number;
      for (let c = 0; c < 3; c++) {
        out[4 * x + c] = (out[4 * x + c] as number) + weight * (rgba[at + c] as number) * (opacity / 255);
      }
      out[4 * x + 3] = (out[4 * x + 3] as number) + weight * opacity;
    }
  }
  return out;
}

function writeRow(rgba: Uint8Array, pixel: number, sum: Float32Array): void {
  for (let i = 0; i < sum.length; i += 4) {
    const opacity = sum[i + 3] as number;
    for (let c = 0; c < 3; c++) {
      rgba[4 * pixel + i + c] = opacity === 0 ? 0 : Math.round(((sum[i + c] as number) * 255) / opacity);
    }
    rgba[4 * pixel + i + 3] = Math.round(opacity);
  }
}
