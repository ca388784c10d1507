import type * as tf from "@tensorflow/tfjs-core";
import type { HeadWeights } from "#core/head/head.ts";
import type { TensorInfo } from "#core/model/engine.ts";
import type { NetworkParts } from "../train/pack.ts";

/** What a network's last layer does to its sums. */
export type LastActivation = "linear" | "softmax" | "sigmoid";

/** A network that was cut before its last dense layer, and the whole of it as TensorFlow.js itself runs it. */
export interface CutNetwork {
  parts: NetworkParts;
  /** The inputs of the whole, in the order in which `run` takes them. */
  inputs: readonly TensorInfo[];
  /** Class scores [rows, classes] of the whole, or their logits, as `activation` says. */
  run(inputs: tf.Tensor[]): tf.Tensor;
  activation: LastActivation;
  release(): void;
}

/**
 * A head for all classes. One sigmoid unit is the second of two classes: softmax over (0, z) is (1 − σ(z), σ(z)).
 * Throws where the network has another number of classes.
 */
export function headFor(
  kernel: Float32Array,
  bias: Float32Array | null,
  units: number,
  classes: number,
  activation: LastActivation,
): Pick<HeadWeights, "weights" | "bias"> {
  if (bias && bias.length !== units) throw notADenseEnd(`${units} units with ${bias.length} biases`);
  if (units === classes && activation !== "sigmoid") {
    return { weights: kernel, bias: bias ?? new Float32Array(classes) };
  }
  if (units === 1 && classes === 2 && activation !== "softmax") {
    const weights = Float32Array.from({ length: 2 * kernel.length }, (_, i) =>
      i % 2 ? (kernel[i >> 1] as number) : 0,
    );
    return { weights, bias: Float32Array.of(0, bias?.[0] ?? 0) };
  }
  throw new Error(
    `Error in importNetwork: the recipe has ${classes} labels, so that the last dense layer must have ${classes} units ` +
      `with softmax or none${classes === 2 ? ", or one with sigmoid" : ""}, but it has ${units} with ${activation}.`,
  );
}

/** Says what can be imported, where a network ends otherwise. */
export function notADenseEnd(found: string): Error {
  return new Error(
    `Error in importNetwork: a network must end in a dense layer of class scores or logits, after at least one hidden ` +
      `layer, but this one ends in ${found}. Cut off what comes after it, and save the model again.`,
  );
}
