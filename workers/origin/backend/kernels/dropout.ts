import * as tf from "@tensorflow/tfjs-core";
import { seededRandom } from "../../random.ts";
import { routinesOf } from "../simd/heap.ts";
import { randomIncrement } from "../simd/updates.ts";
import { addressOf, type KernelCall, sizeOf, valuesOf } from "./wasm.ts";

/** The name of the kernel of dropout. */
export const dropoutKernel = "Dropout";

/** What decides which values dropout zeroes: the share, and the state of `seededRandom` before the first of them. */
export interface DropoutAttributes {
  share: number;
  state: number;
}

/** Zeroes a share of the values at random and scales the rest up. */
export const dropout: tf.KernelConfig = {
  kernelName: dropoutKernel,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"x">;
    const { share, state } = attrs as DropoutAttributes;
    const { x } = inputs;
    const [size, whole] = [sizeOf(x.shape), sizeOf(x.shape) & ~3];
    const out = backend.makeOutput(x.shape, "float32");
    const kept = 1 / (1 - share);
    const threshold = Math.ceil(share * 2 ** 32);
    routinesOf(backend).dropout(addressOf(backend, x), addressOf(backend, out), whole, state, threshold, kept);
    const [from, to] = [valuesOf(backend, x), valuesOf(backend, out)];
    const random = seededRandom(stateAfter(state, whole));
    for (let i = whole; i < size; i++) to[i] = random() < share ? 0 : (from[i] as number) * Math.fround(kept);
    return out;
  },
};

/** Its gradient: what was zeroed has none. */
export const dropoutGradient: tf.GradConfig = {
  kernelName: dropoutKernel,
  gradFunc: (dy, _, attrs) => ({
    x: () => tf.engine().runKernel(dropoutKernel, { x: dy as tf.Tensor }, attrs) as tf.Tensor,
  }),
};

/** Returns the state of `seededRandom` after so many numbers. */
export function stateAfter(state: number, numbers: number): number {
  return (state + Math.imul(numbers, randomIncrement)) >>> 0;
}
