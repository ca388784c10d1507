import { sizeOf } from "#core/input/index.ts";
import { EngineError } from "../engine.ts";
import type { WeightSpec } from "./model-json.ts";

const bytesOf = { uint8: 1, uint16: 2, float16: 2, float32: 4, int32: 4, bool: 1 };

/** Computes the stored size of a weight in bytes. */
export function storedBytes({ shape, dtype, quantization }: WeightSpec): number {
  return sizeOf(shape) * bytesOf[quantization?.dtype ?? dtype];
}

/** Checks that the shards contain all listed weights. Throws `EngineError` if not. */
export function checkLength(specs: readonly WeightSpec[], values: ArrayBuffer): void {
  let end = 0;
  for (const spec of specs) {
    end += storedBytes(spec);
    if (end > values.byteLength) {
      throw new EngineError(`Weight '${spec.name}' ends beyond the ${values.byteLength} bytes of the shards.`);
    }
  }
}

/** Computes the size of weights in memory, expanded to float32. */
export function expandedBytes(specs: readonly WeightSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + sizeOf(shape) * bytesOf.float32, 0);
}
