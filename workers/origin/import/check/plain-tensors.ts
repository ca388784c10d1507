import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "#core/model/engine.ts";

/** Makes a tensor of TensorFlow.js on the backend that is set. */
export function tensorOf({ shape, values }: Tensor, dtype?: string): tf.Tensor {
  const own = values instanceof Float32Array ? "float32" : values instanceof Int32Array ? "int32" : "bool";
  return tf.tensor(values, shape, (dtype ?? own) as tf.DataType);
}

/** Reads a tensor's values. */
export function valuesIn(tensor: tf.Tensor): Tensor {
  return { shape: tensor.shape, values: tensor.dataSync().slice() as Tensor["values"] };
}

/** Returns what a library returned as a list. */
export function listOf<T>(found: T | T[]): T[] {
  return Array.isArray(found) ? found : [found];
}

/** Runs work, and disposes of the tensors that it made. */
export function tidied<T>(work: () => T): T {
  const found: T[] = [];
  tf.tidy(() => void found.push(work()));
  return found[0] as T;
}
