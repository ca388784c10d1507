import * as tf from "@tensorflow/tfjs-core";
import { EngineError } from "../engine.ts";
import type { WeightSpec } from "./topology.ts";

const bytesOf = { uint8: 1, uint16: 2, float16: 2, float32: 4 };

/** A network's weights by name, expanded to float32. Throws `EngineError` when the shards are too short. */
export function readWeights(specs: readonly WeightSpec[], values: ArrayBuffer): Map<string, tf.Tensor> {
  let end = 0;
  for (const { name, shape, quantization } of specs) {
    end += shape.reduce((product, dimension) => product * dimension, bytesOf[quantization?.dtype ?? "float32"]);
    if (end > values.byteLength) {
      throw new EngineError(`Error in load: weight '${name}' ends beyond the shards' ${values.byteLength} bytes`);
    }
  }
  return new Map(Object.entries(tf.io.decodeWeights(values, specs as tf.io.WeightsManifestEntry[])));
}

/** The bytes of weights as float32, as they are in memory. */
export function expandedBytes(specs: readonly WeightSpec[]): number {
  const values = specs.map(({ shape }) => shape.reduce((product, dimension) => product * dimension, 1));
  return values.reduce((sum, size) => sum + size * bytesOf.float32, 0);
}
