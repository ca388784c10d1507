import * as tf from "@tensorflow/tfjs-core";
import { convLayerKernel } from "../backend/kernels/conv-layer.ts";
import { crossEntropyKernel } from "../backend/kernels/cross-entropy.ts";
import { denseLayerKernel } from "../backend/kernels/dense-layer.ts";

// Only the WASM backend that trains has these kernels; others compose them of their own.
const has = (kernel: string) => tf.getKernel(kernel, tf.getBackend()) !== undefined;

/** Computes a dense layer of values [rows, inputs], with relu if `isRelu`. */
export function dense(x: tf.Tensor2D, kernel: tf.Tensor2D, bias: tf.Tensor1D, isRelu: boolean): tf.Tensor2D {
  if (has(denseLayerKernel)) {
    return tf.engine().runKernel(denseLayerKernel, { x, kernel, bias }, { isRelu }) as tf.Tensor2D;
  }
  const sums = tf.add(tf.matMul(x, kernel), bias) as tf.Tensor2D;
  return isRelu ? tf.relu(sums) : sums;
}

/** Computes a convolutional layer of images with padding `same` and relu. */
export function conv(x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D, strides: number): tf.Tensor4D {
  if (has(convLayerKernel)) {
    return tf.engine().runKernel(convLayerKernel, { x, filter, bias }, { strides }) as tf.Tensor4D;
  }
  return tf.relu(tf.add(tf.conv2d(x, filter, strides, "same"), bias) as tf.Tensor4D);
}

/**
 * Computes the weighted mean cross-entropy of logits [rows, members, classes] with targets [rows, classes]. Targets and weights
 * are constants.
 */
export function crossEntropy(targets: tf.Tensor2D, logits: tf.Tensor3D, weights: tf.Tensor1D): tf.Scalar {
  if (has(crossEntropyKernel)) {
    const [loss] = tf.engine().runKernel(crossEntropyKernel, { targets, logits, weights }) as unknown as [tf.Scalar];
    return loss;
  }
  const losses = tf.neg(tf.sum(tf.mul(tf.expandDims(targets, 1), tf.logSoftmax(logits)), 2));
  return tf.div(tf.sum(tf.mul(tf.mean(losses, 1), weights)), tf.sum(weights));
}
