import * as tf from "@tensorflow/tfjs-core";
import { seededRandom } from "../random.ts";

/** Dropout in one training step (Srivastava et al. 2014): its seed decides which values are zeroed. */
export class Dropout {
  private readonly share: number;
  private readonly random: () => number;

  constructor(share: number, seed: number) {
    this.share = share;
    this.random = seededRandom(seed);
  }

  /** Zeroes a share of the values at random and scales the rest up, so that their expected sum stays the same. */
  apply<T extends tf.Tensor>(values: T): T {
    const { share, random } = this;
    if (share === 0) return values;
    const kept = 1 / (1 - share);
    const mask = new Float32Array(values.size);
    for (let i = 0; i < mask.length; i++) mask[i] = random() < share ? 0 : kept;
    return tf.mul(values, tf.tensor(mask, values.shape)) as T;
  }
}
