import type { WeightType } from "../recipes/index.ts";

/** A weight in its stored form: its bytes, and the quantization for TensorFlow.js's manifest (none for float32). */
export interface StoredWeight {
  bytes: Uint8Array;
  quantization?: { dtype: "float16" } | { dtype: "uint8"; scale: number; min: number };
}

const levels = 255;

/**
 * Stores a weight in one of TensorFlow.js's types. uint8 is affine for each tensor, scale·q + min, with zero among its
 * levels, so that pruned weights stay zero.
 */
export function quantiseWeights(values: Float32Array, type: WeightType): StoredWeight {
  switch (type) {
    case "float32":
      return { bytes: new Uint8Array(values.slice().buffer) };
    case "float16":
      return { bytes: new Uint8Array(halves(values).buffer), quantization: { dtype: "float16" } };
    case "uint8":
      return affine(values);
  }
}

function affine(values: Float32Array): StoredWeight {
  const low = values.reduce((least, value) => Math.min(least, value), 0);
  const high = values.reduce((most, value) => Math.max(most, value), 0);
  const scale = (high - low) / levels || 1;
  const zero = Math.round(-low / scale);
  const bytes = Uint8Array.from(values, (value) => Math.min(levels, Math.max(0, Math.round(value / scale) + zero)));
  return { bytes, quantization: { dtype: "uint8", scale, min: -zero * scale } };
}

function halves(values: Float32Array): Uint16Array {
  const view = new DataView(new ArrayBuffer(2));
  return Uint16Array.from(values, (value) => {
    view.setFloat16(0, value);
    return view.getUint16(0);
  });
}
