/** Quantises an embedding to int16 at the backbone's step, so that sums over samples are exact integers. */
export function quantise(embedding: ArrayLike<number>, step: number): Int16Array<ArrayBuffer> {
  return Int16Array.from(embedding, (value) => Math.max(-32768, Math.min(32767, Math.round(value / step))));
}

/** Restores a quantised embedding, to within half a step. */
export function dequantise(stored: Int16Array, step: number): Float32Array {
  return Float32Array.from(stored, (value) => value * step);
}
