import type * as tf from "@tensorflow/tfjs-core";
import type { LoadedModel } from "../engine.ts";

/** A model loaded by one of TensorFlow.js's libraries. */
export interface TfjsModel extends Pick<LoadedModel, "inputs" | "outputs" | "release"> {
  run(inputs: Record<string, tf.Tensor>, tensors: readonly string[]): tf.Tensor[];
}
