import { concatBytes } from "#core/bytes.ts";
import type { WeightSpec } from "../tfjs/model-json.ts";
import { checkLength, storedBytes } from "../tfjs/stored-size.ts";

/** A weight in its stored form: value = scale · stored + min. */
export interface Stored {
  shape: number[];
  values: Float32Array | Uint8Array | Uint16Array;
  scale: number;
  min: number;
}

/**
 * Reads weights by name, in their stored form; null where one is of another type than float32. Throws `EngineError` if the
 * shards are too short.
 */
export function storedWeights(
  specs: readonly WeightSpec[],
  shards: readonly ArrayBuffer[],
): Map<string, Stored> | null {
  const bytes = concatBytes(shards.map((shard) => new Uint8Array(shard))).buffer;
  checkLength(specs, bytes);
  let offset = 0;
  const found = new Map<string, Stored>();
  for (const spec of specs) {
    const size = storedBytes(spec);
    // Copied, since an offset need not be a multiple of the size of a value.
    const own = bytes.slice(offset, offset + size);
    offset += size;
    if (spec.dtype !== "float32") return null;
    found.set(spec.name, { shape: spec.shape, ...viewOf(spec, own) });
  }
  return found;
}

/** Expands a weight to its values. */
export function expanded({ values, scale, min }: Stored): Float64Array {
  // Each is a float32, as TensorFlow.js has it.
  return Float64Array.from(values, (value) => Math.fround(scale * value + min));
}

function viewOf({ quantization }: WeightSpec, bytes: ArrayBuffer): Omit<Stored, "shape"> {
  switch (quantization?.dtype) {
    case undefined:
      return { values: new Float32Array(bytes), scale: 1, min: 0 };
    case "float16":
      return { values: Float32Array.from(new Uint16Array(bytes), halfToFloat), scale: 1, min: 0 };
    case "uint8":
    case "uint16": {
      const { scale, min } = quantization;
      return { values: new (quantization.dtype === "uint8" ? Uint8Array : Uint16Array)(bytes), scale, min };
    }
  }
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}
