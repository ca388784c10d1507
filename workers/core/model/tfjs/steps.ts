import * as tf from "@tensorflow/tfjs-core";
import { EngineError } from "../engine.ts";
import type { Activation, Operation, Step } from "./topology.ts";

/** A step made ready to run: its weights are bound to it. */
export type Run = (inputs: tf.Tensor[]) => tf.Tensor;

type Of<T extends Operation["type"]> = Extract<Operation, { type: T }>;

/** Binds a step to its weights. Throws `EngineError`, naming the weight, where one is missing or of another shape. */
export function bind({ name, operation }: Step, weights: Weights): Run {
  switch (operation.type) {
    case "dense":
      return dense(name, operation, weights);
    case "conv":
      return conv(name, operation, weights);
    case "depthwiseConv":
      return depthwiseConv(name, operation, weights);
    case "batchNorm":
      return batchNorm(name, operation, weights);
    case "maxPool":
      return ([x]) => tf.maxPool(x as tf.Tensor4D, operation.size, operation.strides, operation.padding);
    case "globalAveragePool":
      return ([x]) => tf.mean(x as tf.Tensor4D, [1, 2]);
    case "flatten":
      return ([x]) => reshape(x as tf.Tensor, [-1]);
    case "reshape":
      return ([x]) => reshape(x as tf.Tensor, operation.shape);
    case "concat":
      return (inputs) => tf.concat(inputs, operation.axis);
    case "activation":
      return ([x]) => activate(x as tf.Tensor, operation.activation);
    case "identity":
      return ([x]) => x as tf.Tensor;
  }
}

/** A network's weights, each asked for by the step that it belongs to. */
export class Weights {
  private readonly tensors: Map<string, tf.Tensor>;

  constructor(tensors: Map<string, tf.Tensor>) {
    this.tensors = tensors;
  }

  get<T extends tf.Tensor>(step: string, part: string, rank: number): T {
    const tensor = this.tensors.get(`${step}/${part}`);
    if (tensor?.rank === rank) return tensor as T;
    const got = tensor ? `[${tensor.shape}]` : "none";
    throw new EngineError(`Error in load: weight '${step}/${part}' must be of rank ${rank}, but got ${got}`);
  }

  /** A bias of `width` values: one of a single value would be spread over all units without a word. */
  bias(step: string, useBias: boolean, width: number): tf.Tensor1D | undefined {
    if (!useBias) return undefined;
    const bias = this.get<tf.Tensor1D>(step, "bias", 1);
    if (bias.shape[0] === width) return bias;
    throw new EngineError(`Error in load: layer '${step}' gives ${width} values, but its bias has ${bias.shape[0]}`);
  }
}

function dense(name: string, { activation, useBias }: Of<"dense">, weights: Weights): Run {
  const kernel = weights.get<tf.Tensor2D>(name, "kernel", 2);
  const bias = weights.bias(name, useBias, kernel.shape[1]);
  return ([a]) => {
    const out = tf.fused.matMul({ a: a as tf.Tensor2D, b: kernel, ...(bias ? { bias } : {}), ...fused(activation) });
    return unfused(out, activation);
  };
}

function conv(name: string, { activation, useBias, strides, padding }: Of<"conv">, weights: Weights): Run {
  const filter = weights.get<tf.Tensor4D>(name, "kernel", 4);
  const bias = weights.bias(name, useBias, filter.shape[3]);
  return ([x]) => {
    const shape = { x: x as tf.Tensor4D, filter, strides, pad: padding, ...(bias ? { bias } : {}) };
    return unfused(tf.fused.conv2d({ ...shape, ...fused(activation) }), activation);
  };
}

function depthwiseConv(name: string, operation: Of<"depthwiseConv">, weights: Weights): Run {
  const { activation, useBias, strides, padding } = operation;
  const filter = weights.get<tf.Tensor4D>(name, "depthwise_kernel", 4);
  const bias = weights.bias(name, useBias, filter.shape[2] * filter.shape[3]);
  return ([x]) => {
    const shape = { x: x as tf.Tensor4D, filter, strides, pad: padding, ...(bias ? { bias } : {}) };
    return unfused(tf.fused.depthwiseConv2d({ ...shape, ...fused(activation) }), activation);
  };
}

// γ(x − μ)/√(σ² + ε) + β.
function batchNorm(name: string, { epsilon, center, scale }: Of<"batchNorm">, weights: Weights): Run {
  const mean = weights.get<tf.Tensor1D>(name, "moving_mean", 1);
  const variance = weights.get<tf.Tensor1D>(name, "moving_variance", 1);
  const gamma = scale ? weights.get<tf.Tensor1D>(name, "gamma", 1) : 1;
  const beta = center ? weights.get<tf.Tensor1D>(name, "beta", 1) : 0;
  return ([x]) => {
    const factor = tf.div(gamma, tf.sqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(tf.sub(x as tf.Tensor, mean), factor), beta);
  };
}

function reshape(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  return tf.reshape(x, [x.shape[0] as number, ...shape]);
}

// Only relu and relu6 are fused into a product; the others follow it.
function fused(activation: Activation): { activation: "linear" | "relu" | "relu6" } {
  return { activation: activation === "relu" || activation === "relu6" ? activation : "linear" };
}

function unfused(x: tf.Tensor, activation: Activation): tf.Tensor {
  return fused(activation).activation === activation ? x : activate(x, activation);
}

function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  switch (activation) {
    case "linear":
      return x;
    case "relu":
      return tf.relu(x);
    case "relu6":
      return tf.relu6(x);
    case "sigmoid":
      return tf.sigmoid(x);
    case "tanh":
      return tf.tanh(x);
  }
}
