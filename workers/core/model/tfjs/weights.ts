import * as tf from "@tensorflow/tfjs-core";
import type { WeightSpec } from "./model-json.ts";
import { checkLength, storedBytes } from "./stored-size.ts";

/** Reads weights by name, expanded to float32. Throws `EngineError` if the shards are too short. */
export function readWeights(specs: readonly WeightSpec[], values: ArrayBuffer): Map<string, tf.Tensor> {
  checkLength(specs, values);
  return new Map(Object.entries(tf.io.decodeWeights(values, specs as tf.io.WeightsManifestEntry[])));
}

/** Reads one weight after another, so that only one of them is in memory twice; each is freed after `take`. */
export function readEach(
  specs: readonly WeightSpec[],
  values: ArrayBuffer,
  take: (name: string, values: tf.Tensor) => void,
): void {
  checkLength(specs, values);
  let offset = 0;
  for (const spec of specs) {
    const end = offset + storedBytes(spec);
    const [weight] = readWeights([spec], values.slice(offset, end)).values();
    offset = end;
    take(spec.name, weight as tf.Tensor);
    (weight as tf.Tensor).dispose();
  }
}
