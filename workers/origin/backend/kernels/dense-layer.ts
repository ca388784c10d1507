import * as tf from "@tensorflow/tfjs-core";
import { multiply } from "../simd/multiply.ts";
import { addBias } from "./bias.ts";
import { reluSlopes } from "./relu-gradient.ts";
import { addressOf, type KernelCall } from "./wasm.ts";

/** The name of the kernel of a dense layer. */
export const denseLayerKernel = "DenseLayer";

/** A dense layer of `x` [rows, inputs]: x · kernel + bias, and relu if `isRelu`. */
export const denseLayer: tf.KernelConfig = {
  kernelName: denseLayerKernel,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"x" | "kernel" | "bias">;
    const { x, kernel, bias } = inputs;
    const [rows = 0, steps = 0] = x.shape;
    const columns = kernel.shape[1] as number;
    const out = backend.makeOutput([rows, columns], "float32");
    const left = { address: addressOf(backend, x), rows, columns: steps, isTransposed: false };
    const right = { address: addressOf(backend, kernel), rows: steps, columns, isTransposed: false };
    multiply(backend, left, right, addressOf(backend, out));
    addBias(backend, out, bias, (attrs as { isRelu: boolean }).isRelu);
    return out;
  },
};

/** Its gradients. */
export const denseLayerGradient: tf.GradConfig = {
  kernelName: denseLayerKernel,
  inputsToSave: ["x", "kernel"],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => {
    const [x, kernel, y] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const slopes = (attrs as unknown as { isRelu: boolean }).isRelu ? reluSlopes(dy as tf.Tensor2D, y) : dy;
    return {
      x: () => tf.matMul(slopes as tf.Tensor2D, kernel, false, true),
      kernel: () => tf.matMul(x, slopes as tf.Tensor2D, true, false),
      bias: () => tf.sum(slopes as tf.Tensor2D, 0),
    };
  },
};
