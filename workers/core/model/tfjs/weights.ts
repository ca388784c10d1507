import * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../../input/index.ts";
import { EngineError } from "../engine.ts";
import type { WeightSpec } from "./model-json.ts";

const bytesOf = { uint8: 1, uint16: 2, float16: 2, float32: 4, int32: 4 };

/** Bytes that a weight takes as it is stored. */
export function storedBytes({ shape, dtype, quantization }: WeightSpec): number {
  return sizeOf(shape) * bytesOf[quantization?.dtype ?? dtype];
}

/** A network's weights by name, expanded to float32. Throws `EngineError` when the shards are too short. */
export function readWeights(specs: readonly WeightSpec[], values: ArrayBuffer): Map<string, tf.Tensor> {
  let end = 0;
  for (const spec of specs) {
    end += storedBytes(spec);
    if (end > values.byteLength) {
      throw new EngineError(`Error in load: weight '${spec.name}' ends beyond the shards' ${values.byteLength} bytes`);
    }
  }
  return new Map(Object.entries(tf.io.decodeWeights(values, specs as tf.io.WeightsManifestEntry[])));
}

/** The bytes of weights once they are expanded, as they are in memory. */
export function expandedBytes(specs: readonly WeightSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + sizeOf(shape) * bytesOf.float32, 0);
}

/** The values of a network's integer constants (shapes, axes) by name. */
export function integersOf(specs: readonly WeightSpec[], values: ArrayBuffer): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const view = new DataView(values);
  let offset = 0;
  for (const spec of specs) {
    const end = offset + storedBytes(spec);
    if (spec.dtype === "int32" && !spec.quantization && end <= values.byteLength) {
      const at = offset;
      found.set(
        spec.name,
        Array.from({ length: sizeOf(spec.shape) }, (_, i) => view.getInt32(at + 4 * i, true)),
      );
    }
    offset = end;
  }
  return found;
}
