/**
 * Sums over labelled embeddings x̃ = [x, 1] with integer label weights ω: Σω·x̃x̃ᵀ and Σω·x̃yᵀ. Embeddings are int16,
 * so every sum is an exact integer in float64: order does not matter, and taking a row out again is exact.
 */
export interface Sums {
  width: number;
  classes: number;
  /** The upper triangle of Σω·x̃x̃ᵀ, row by row, then Σω·x̃yᵀ [width + 1, classes]. */
  values: Float64Array;
}

/** A row of the sums: an int16 embedding [width], its class, and how often it counts, in units of `labelWeightUnit`. */
export interface SumRow {
  vector: Int16Array;
  label: number;
  weight: number;
}

/** The weight of one full label; the origin's may count a quarter of it. */
export const labelWeightUnit = 4;

export function emptySums(width: number, classes: number): Sums {
  const n = width + 1;
  return { width, classes, values: new Float64Array((n * (n + 1)) / 2 + n * classes) };
}

/** Adds a row in place; a negative weight takes it out again. */
export function addRow({ width, classes, values }: Sums, { vector, label, weight }: SumRow): void {
  const n = width + 1;
  const moments = (n * (n + 1)) / 2;
  const add = (index: number, value: number) => {
    values[index] = (values[index] as number) + value;
  };
  let row = 0;
  for (let i = 0; i < n; i++) {
    const scaled = weight * (i < width ? (vector[i] as number) : 1);
    if (scaled !== 0) {
      for (let j = i; j < width; j++) add(row + j - i, scaled * (vector[j] as number));
      add(row + width - i, scaled);
      add(moments + i * classes + label, scaled);
    }
    row += n - i;
  }
}

/** The sums of both. Throws when they are of different shapes. */
export function addSums(a: Sums, b: Sums, sign: 1 | -1 = 1): Sums {
  if (a.width !== b.width || a.classes !== b.classes) {
    const shape = ({ width, classes }: Sums) => `${width} × ${classes}`;
    throw new Error(`Error in addSums: sums of ${shape(a)} and ${shape(b)} can't be added`);
  }
  return { ...a, values: a.values.map((value, i) => value + sign * (b.values[i] as number)) };
}

/** How many full labels the sums hold. */
export function labelsIn({ width, values }: Sums): number {
  const n = width + 1;
  return (values[(n * (n + 1)) / 2 - 1] as number) / labelWeightUnit;
}

/** Sums as bytes: little-endian float64. */
export function encodeSums({ values }: Sums): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.slice().buffer);
}

/** How many classes sums of that many bytes are over. */
export function classesIn(bytes: number, width: number): number {
  const n = width + 1;
  return (bytes / Float64Array.BYTES_PER_ELEMENT - (n * (n + 1)) / 2) / n;
}

/** Reads sums back. Throws when the length is not that of the shape. */
export function decodeSums(width: number, classes: number, bytes: ArrayBuffer): Sums {
  const sums = emptySums(width, classes);
  if (bytes.byteLength !== sums.values.byteLength) {
    const expected = `${width} × ${classes} needs ${sums.values.byteLength} bytes`;
    throw new Error(`Error in decodeSums: ${expected}, but got ${bytes.byteLength}`);
  }
  return { width, classes, values: new Float64Array(bytes) };
}
