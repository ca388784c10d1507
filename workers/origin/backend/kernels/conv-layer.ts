import * as tf from "@tensorflow/tfjs-core";
import { addBias } from "./bias.ts";
import { convolve } from "./convolve.ts";
import { reluSlopes } from "./relu-gradient.ts";
import { addressOf, type KernelCall } from "./wasm.ts";

/** The name of the kernel of a convolutional layer. */
export const convLayerKernel = "ConvLayer";

type Shape = [number, number, number, number];

/** A convolutional layer with padding `same` and relu: relu(conv2d(x, filter) + bias). */
export const convLayer: tf.KernelConfig = {
  kernelName: convLayerKernel,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend, attrs } = call as unknown as KernelCall<"x" | "filter" | "bias">;
    const { x, filter, bias } = inputs;
    const { strides } = attrs as { strides: number };
    const info = tf.backend_util.computeConv2DInfo(x.shape as Shape, filter.shape as Shape, strides, 1, "same");
    const out = backend.makeOutput(info.outShape, "float32");
    const [from, by, to] = [x, filter, out].map((one) => addressOf(backend, one)) as [number, number, number];
    convolve(backend, info, { x: from, filter: by, to });
    addBias(backend, out, bias, true);
    return out;
  },
};

/** Its gradients. */
export const convLayerGradient: tf.GradConfig = {
  kernelName: convLayerKernel,
  inputsToSave: ["x", "filter"],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => {
    const [x, filter, y] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    const strides = attrs.strides as number;
    const slopes = reluSlopes(dy as tf.Tensor4D, y);
    const common = { strides, pad: "same", dataFormat: "NHWC", dimRoundingMode: undefined } as const;
    const run = (name: string, inputs: tf.NamedTensorMap, own: object) =>
      tf.engine().runKernel(name, inputs, { ...common, ...own } as unknown as tf.NamedAttrMap) as tf.Tensor;
    return {
      x: () => run(tf.Conv2DBackpropInput, { dy: slopes, filter }, { inputShape: x.shape }),
      filter: () => run(tf.Conv2DBackpropFilter, { x, dy: slopes }, { filterShape: filter.shape }),
      bias: () => tf.sum(slopes, [0, 1, 2]),
    };
  },
};
