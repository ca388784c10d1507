import * as tf from "@tensorflow/tfjs-core";
import { dropoutKernel, stateAfter } from "../backend/kernels/dropout.ts";
import { seededRandom } from "../random.ts";

/** Dropout in one training step (Srivastava et al. 2014): its seed decides which values are zeroed. */
export class Dropout {
  private readonly share: number;
  private state: number;

  constructor(share: number, seed: number) {
    this.share = share;
    this.state = seed >>> 0;
  }

  /** Zeroes a share of the values at random and scales the rest up, so that their expected sum stays the same. */
  apply<T extends tf.Tensor>(values: T): T {
    const { share, state } = this;
    if (share === 0) return values;
    this.state = stateAfter(state, values.size);
    // Only the WASM backend has the kernel, which draws the same numbers.
    if (tf.getKernel(dropoutKernel, tf.getBackend())) {
      return tf.engine().runKernel(dropoutKernel, { x: values }, { share, state }) as T;
    }
    const random = seededRandom(state);
    const kept = 1 / (1 - share);
    const mask = new Float32Array(values.size);
    for (let i = 0; i < mask.length; i++) mask[i] = random() < share ? 0 : kept;
    return tf.mul(values, tf.tensor(mask, values.shape)) as T;
  }
}
