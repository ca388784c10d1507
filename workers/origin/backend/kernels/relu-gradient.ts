import * as tf from "@tensorflow/tfjs-core";
import { routinesOf } from "../simd/heap.ts";
import { addressOf, type KernelCall, sizeOf, valuesOf } from "./wasm.ts";

const reluGradientKernel = "ReluGradient";

/** The gradient of relu in one pass: `dy` where relu's output `y` is positive. */
export const reluGradient: tf.KernelConfig = {
  kernelName: reluGradientKernel,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend } = call as unknown as KernelCall<"dy" | "y">;
    const { dy, y } = inputs;
    const out = backend.makeOutput(y.shape, "float32");
    const [size, whole] = [sizeOf(y.shape), sizeOf(y.shape) & ~3];
    const [from, output, to] = [dy, y, out].map((tensor) => addressOf(backend, tensor)) as [number, number, number];
    routinesOf(backend).reluGradient(from, output, to, whole);
    const [slopes, outputs, values] = [dy, y, out].map((tensor) => valuesOf(backend, tensor)) as [
      ...[Float32Array, Float32Array, Float32Array],
    ];
    for (let i = whole; i < size; i++) values[i] = (outputs[i] as number) > 0 ? (slopes[i] as number) : 0;
    return out;
  },
};

/** Computes relu's gradient from its output. Only the WASM backend has the kernel that does it in one pass. */
export function reluSlopes<T extends tf.Tensor>(dy: T, y: T): T {
  if (tf.getKernel(reluGradientKernel, tf.getBackend())) {
    return tf.engine().runKernel(reluGradientKernel, { dy, y }) as T;
  }
  return tf.mul(dy, tf.cast(tf.step(y), "float32"));
}
