import type * as tf from "@tensorflow/tfjs-core";
import type { HeadWeights } from "#core/head/head.ts";
import type { TensorInfo } from "#core/model/engine.ts";
import type { NetworkParts } from "../train/pack.ts";

/** The activation of a network's last layer. */
export type LastActivation = "linear" | "softmax" | "sigmoid";

/** A network cut before its last dense layer, and the whole network as TensorFlow.js runs it. */
export interface CutNetwork {
  parts: NetworkParts;
  /** The inputs of the whole network, in the order in which `run` takes them. */
  inputs: readonly TensorInfo[];
  /** Computes scores or logits of the whole network [rows, classes], depending on `activation`. */
  run(inputs: tf.Tensor[]): tf.Tensor;
  activation: LastActivation;
  release(): void;
}

/**
 * Builds a head for all classes. One sigmoid unit is the second of two classes: softmax over (0, z) is (1 − σ(z), σ(z)).
 * Throws when the network has another number of classes.
 */
export function headFor(
  kernel: Float32Array,
  bias: Float32Array | null,
  units: number,
  classes: number,
  activation: LastActivation,
): Pick<HeadWeights, "weights" | "bias"> {
  if (bias && bias.length !== units) throw new NoDenseEndError(`${units} units with ${bias.length} biases`);
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
    `The recipe has ${classes} labels, so the last dense layer must have ${classes} units with softmax or no activation` +
      `${classes === 2 ? ", or one unit with sigmoid" : ""}, but it has ${units} with ${activation}.`,
  );
}

/** A network that does not end in a dense layer, so that no head can be cut off. */
export class NoDenseEndError extends Error {
  override readonly name = "NoDenseEndError";
  constructor(end: string) {
    super(
      "A network must end in a dense layer of class scores or logits, after at least one hidden layer, but this one " +
        `ends in ${end}. Remove what follows the dense layer, and save the model again.`,
    );
  }
}
