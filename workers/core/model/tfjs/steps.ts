import * as tf from "@tensorflow/tfjs-core";
import { EngineError } from "../engine.ts";
import type { Activation, Convolution, Operation, Step, WeightPart } from "./topology.ts";

/** A step made ready to run: its weights are bound to it. */
export type Run = (inputs: tf.Tensor[]) => tf.Tensor;

type Of<T extends Operation["type"]> = Extract<Operation, { type: T }>;

/** Binds a step to its weights. Throws `EngineError`, naming the weight, where one is missing or of another shape. */
export function bind(step: Step, tensors: Map<string, tf.Tensor>): Run {
  const { operation } = step;
  const weights = new Weights(step, tensors);
  switch (operation.type) {
    case "dense":
      return dense(operation, weights);
    case "conv":
      return conv(operation, weights);
    case "depthwiseConv":
      return depthwiseConv(operation, weights);
    case "separableConv":
      return separableConv(operation, weights);
    case "batchNorm":
      return batchNorm(operation, weights);
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
    case "add":
      return (inputs) => inputs.reduce((sum, x) => tf.add(sum, x));
    case "subtract":
      return ([a, b]) => tf.sub(a as tf.Tensor, b as tf.Tensor);
    case "multiply":
      return (inputs) => inputs.reduce((product, x) => tf.mul(product, x));
    case "activation":
      return ([x]) => activate(x as tf.Tensor, operation.activation);
    case "identity":
      return ([x]) => x as tf.Tensor;
    case "constant": {
      const value = weights.get("value");
      return () => value;
    }
  }
}

/** The weights of one step. */
class Weights {
  private readonly step: Step;
  private readonly tensors: Map<string, tf.Tensor>;

  constructor(step: Step, tensors: Map<string, tf.Tensor>) {
    this.step = step;
    this.tensors = tensors;
  }

  /** A weight by its part, of any rank unless one is given. */
  get<T extends tf.Tensor>(part: WeightPart, rank?: number): T {
    const name = this.step.weights[part] ?? `${this.step.name}/${part}`;
    const tensor = this.tensors.get(name);
    if (tensor && (rank === undefined || tensor.rank === rank)) return tensor as T;
    const expected = rank === undefined ? "be there" : `be of rank ${rank}`;
    throw new EngineError(
      `Error in load: weight '${name}' must ${expected}, but got ${tensor ? `[${tensor.shape}]` : "none"}`,
    );
  }

  /** A bias of `width` values: one of a single value would be spread over all units without a word. */
  bias(useBias: boolean, width: number): tf.Tensor1D | undefined {
    if (!useBias) return undefined;
    const bias = this.get<tf.Tensor1D>("bias", 1);
    if (bias.shape[0] === width) return bias;
    throw new EngineError(
      `Error in load: layer '${this.step.name}' gives ${width} values, but its bias has ${bias.shape[0]}`,
    );
  }
}

function dense({ activation, useBias }: Of<"dense">, weights: Weights): Run {
  const kernel = weights.get<tf.Tensor2D>("kernel", 2);
  const bias = weights.bias(useBias, kernel.shape[1]);
  return ([a]) => {
    const out = tf.fused.matMul({ a: a as tf.Tensor2D, b: kernel, ...(bias ? { bias } : {}), ...fused(activation) });
    return unfused(out, activation);
  };
}

function conv({ activation, useBias, strides, padding }: Convolution, weights: Weights): Run {
  const filter = weights.get<tf.Tensor4D>("kernel", 4);
  const bias = weights.bias(useBias, filter.shape[3]);
  return ([x]) => {
    const shape = { x: x as tf.Tensor4D, filter, strides, pad: padding, ...(bias ? { bias } : {}) };
    return unfused(tf.fused.conv2d({ ...shape, ...fused(activation) }), activation);
  };
}

function depthwiseConv({ activation, useBias, strides, padding }: Convolution, weights: Weights): Run {
  const filter = weights.get<tf.Tensor4D>("depthwise_kernel", 4);
  const bias = weights.bias(useBias, filter.shape[2] * filter.shape[3]);
  return ([x]) => {
    const shape = { x: x as tf.Tensor4D, filter, strides, pad: padding, ...(bias ? { bias } : {}) };
    return unfused(tf.fused.depthwiseConv2d({ ...shape, ...fused(activation) }), activation);
  };
}

// Each channel by itself, then all of them at each place.
function separableConv({ activation, useBias, strides, padding }: Convolution, weights: Weights): Run {
  const depthwise = weights.get<tf.Tensor4D>("depthwise_kernel", 4);
  const filter = weights.get<tf.Tensor4D>("pointwise_kernel", 4);
  const bias = weights.bias(useBias, filter.shape[3]);
  return ([image]) => {
    const x = tf.depthwiseConv2d(image as tf.Tensor4D, depthwise, strides, padding);
    const shape = { x, filter, strides: 1, pad: "valid" as const, ...(bias ? { bias } : {}) };
    return unfused(tf.fused.conv2d({ ...shape, ...fused(activation) }), activation);
  };
}

// γ(x − μ)/√(σ² + ε) + β.
function batchNorm({ axis, epsilon, center, scale }: Of<"batchNorm">, weights: Weights): Run {
  const mean = weights.get<tf.Tensor1D>("moving_mean", 1);
  const variance = weights.get<tf.Tensor1D>("moving_variance", 1);
  const gamma = scale ? weights.get<tf.Tensor1D>("gamma", 1) : 1;
  const beta = center ? weights.get<tf.Tensor1D>("beta", 1) : 0;
  return ([x]) => {
    const { rank } = x as tf.Tensor;
    if (axis !== -1 && axis !== rank - 1) throw new Error(`batch normalisation runs over the last axis, not ${axis}`);
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
