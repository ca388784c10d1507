import * as tf from "@tensorflow/tfjs-core";
import { type KernelCall, valuesOf } from "./wasm.ts";

/** The name of the kernel of the cross-entropy. */
export const crossEntropyKernel = "CrossEntropy";

/**
 * The weighted mean cross-entropy of logits [rows, members, classes] with targets [rows, classes], a scalar, and its slope by
 * each logit: softmax minus target, weighted.
 */
export const crossEntropy: tf.KernelConfig = {
  kernelName: crossEntropyKernel,
  backendName: "wasm",
  kernelFunc: (call) => {
    const { inputs, backend } = call as unknown as KernelCall<"targets" | "logits" | "weights">;
    const { targets, logits, weights } = inputs;
    const [rows = 0, members = 0, classes = 0] = logits.shape;
    const [loss, slopes] = [backend.makeOutput([], "float32"), backend.makeOutput(logits.shape, "float32")];
    const [labels, scores, shares, out] = [targets, logits, weights, slopes].map((one) => valuesOf(backend, one)) as [
      ...[Float32Array, Float32Array, Float32Array, Float32Array],
    ];
    let all = 0;
    for (let row = 0; row < rows; row++) all += shares[row] as number;
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      const share = (shares[row] as number) / (all * members);
      const own = labels.subarray(row * classes, (row + 1) * classes);
      for (let member = 0; member < members; member++) {
        sum += share * entropyOf(own, scores, out, (row * members + member) * classes, share);
      }
    }
    valuesOf(backend, loss)[0] = sum;
    return [loss, slopes];
  },
};

/** Its gradient by the logits; targets and weights are not learned. */
export const crossEntropyGradient: tf.GradConfig = {
  kernelName: crossEntropyKernel,
  outputsToSave: [false, true],
  gradFunc: (dy, saved) => ({ logits: () => tf.mul(saved[0] as tf.Tensor, (dy as tf.Tensor[])[0] as tf.Tensor) }),
};

/** Computes the cross-entropy of one list of logits, from `at` on, and writes its slopes, each times `share`. */
function entropyOf(
  targets: Float32Array,
  logits: Float32Array,
  slopes: Float32Array,
  at: number,
  share: number,
): number {
  const classes = targets.length;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = at; i < at + classes; i++) most = Math.max(most, logits[i] as number);
  let sum = 0;
  for (let i = at; i < at + classes; i++) sum += slopes[i] = Math.exp((logits[i] as number) - most);
  const normaliser = most + Math.log(sum);
  let target = 0;
  let entropy = 0;
  for (let c = 0; c < classes; c++) {
    const own = targets[c] as number;
    target += own;
    if (own !== 0) entropy += own * (normaliser - (logits[at + c] as number));
  }
  const scale = (share * target) / sum;
  for (let c = 0; c < classes; c++) {
    slopes[at + c] = scale * (slopes[at + c] as number) - share * (targets[c] as number);
  }
  return entropy;
}
