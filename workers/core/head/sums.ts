import { type Label, labelShares } from "./label.ts";

/**
 * Sums over labelled embeddings x̃ = [x, 1] with integer label weights ω: Σω·x̃x̃ᵀ and Σω·x̃yᵀ. Embeddings are int16,
 * so every sum is an exact integer in float64: order does not matter, and a row can be removed exactly.
 *
 * y is one-hot for a class, and the shares of a soft label otherwise: integers that sum to `labelShares`. All labels of sums
 * are of one kind. A row adds at most 4·2¹⁵·2¹⁵ = 2³² to Σω·x̃x̃ᵀ, and at most 4·2¹⁵·2⁸ = 2²⁵ to Σω·x̃yᵀ, whose every
 * class gets at most all shares. 2⁵³/2³² = 2²¹: both are exact for two million rows of the largest embeddings.
 */
export interface Sums {
  width: number;
  classes: number;
  /** The upper triangle of Σω·x̃x̃ᵀ, row by row, then Σω·x̃yᵀ [width + 1, classes]. */
  values: Float64Array;
}

/** A row of the sums: an int16 embedding [width], its label, and its weight in units of `labelWeightUnit`. */
export interface SumRow {
  vector: Int16Array;
  label: Label;
  weight: number;
}

/** The weight of one full label. Labels from the origin may count a quarter of it. */
export const labelWeightUnit = 4;

/** Creates sums of no rows. */
export function emptySums(width: number, classes: number): Sums {
  const n = width + 1;
  return { width, classes, values: new Float64Array((n * (n + 1)) / 2 + n * classes) };
}

/** Adds a row in place; a negative weight removes it. */
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
      const at = moments + i * classes;
      if (typeof label === "number") add(at + label, scaled);
      else
        for (let s = 0; s < label.shares.length; s++) add(at + label.first + s, scaled * (label.shares[s] as number));
    }
    row += n - i;
  }
}

/** Adds or subtracts sums. Throws if their shapes differ. */
export function addSums(a: Sums, b: Sums, sign: 1 | -1 = 1): Sums {
  if (a.width !== b.width || a.classes !== b.classes) {
    const shape = ({ width, classes }: Sums) => `${width} × ${classes}`;
    throw new Error(`Sums must have the same shape; received ${shape(a)} and ${shape(b)}.`);
  }
  return { ...a, values: a.values.map((value, i) => value + sign * (b.values[i] as number)) };
}

/** Adds sums of the same shape in place. */
export function addInto({ values }: Sums, { values: added }: Sums): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (added[i] as number);
}

/** Returns the number of full labels in the sums. */
export function labelsIn({ width, values }: Sums): number {
  const n = width + 1;
  return (values[(n * (n + 1)) / 2 - 1] as number) / labelWeightUnit;
}

/** Returns the shares of a full label in the sums: 1 of classes, `labelShares` of soft labels. The bias row counts both. */
export function sharesIn({ width, classes, values }: Sums): number {
  const weight = values[((width + 1) * (width + 2)) / 2 - 1] as number;
  const shares = values.subarray(values.length - classes).reduce((sum, value) => sum + value, 0);
  return shares === labelShares * weight && weight > 0 ? labelShares : 1;
}

/** Encodes sums as little-endian float64. */
export function encodeSums({ values }: Sums): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.slice().buffer);
}

/** Computes the number of classes from the encoded size of sums. */
export function classesIn(bytes: number, width: number): number {
  const n = width + 1;
  return (bytes / Float64Array.BYTES_PER_ELEMENT - (n * (n + 1)) / 2) / n;
}

/** Decodes sums. Throws if the length does not match the shape. */
export function decodeSums(width: number, classes: number, bytes: ArrayBuffer): Sums {
  const sums = emptySums(width, classes);
  if (bytes.byteLength !== sums.values.byteLength) {
    const expected = `Sums of ${width} × ${classes} take ${sums.values.byteLength} bytes`;
    throw new Error(`${expected}; received ${bytes.byteLength}.`);
  }
  return { width, classes, values: new Float64Array(bytes) };
}
