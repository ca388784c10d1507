import { sizeOf } from "../../input/index.ts";

export const activations = ["linear", "relu", "relu6", "sigmoid", "tanh"] as const;
export type Activation = (typeof activations)[number];

type Pair = [number, number];
interface Weighted {
  activation: Activation;
  useBias: boolean;
}
interface Window {
  strides: Pair;
  padding: "same" | "valid";
}

export type Convolution = Weighted & Window;

/** What a step of a network does, whichever format it came in. */
export type Operation =
  | ({ type: "dense" } & Weighted)
  | ({ type: "conv" } & Convolution)
  | ({ type: "depthwiseConv" } & Convolution)
  | ({ type: "separableConv" } & Convolution)
  | ({ type: "maxPool"; size: Pair } & Window)
  | { type: "globalAveragePool" }
  | { type: "batchNorm"; axis: number; epsilon: number; center: boolean; scale: boolean }
  | { type: "flatten" }
  /** To a shape without the batch. */
  | { type: "reshape"; shape: number[] }
  | { type: "concat"; axis: number }
  | { type: "add" | "subtract" | "multiply" }
  | { type: "activation"; activation: Activation }
  | { type: "identity" }
  /** A weight that other steps take as an input. */
  | { type: "constant" };

/** A step of a network: what it does, the steps whose outputs it takes, and the names of its weights by their part in it. */
export interface Step {
  name: string;
  inputs: string[];
  operation: Operation;
  weights: Partial<Record<WeightPart, string>>;
}

/** What a weight is to the step that it belongs to, by Keras's names. */
export type WeightPart =
  | "kernel"
  | "depthwise_kernel"
  | "pointwise_kernel"
  | "bias"
  | "gamma"
  | "beta"
  | "moving_mean"
  | "moving_variance"
  | "value";

/** A network as steps in the order in which they run. */
export interface Topology {
  /** The names of its inputs, and the shapes that they declare, without the batch; null where they declare none. */
  inputs: { name: string; shape: number[] | null }[];
  steps: Step[];
  /** The step, or the input, that gives the embedding. */
  output: string;
}

/** A network's inputs in the order of the shapes that come: a graph's are in any order, and each takes what fits it. */
export function inputsInOrder(
  inputs: Topology["inputs"],
  inputShapes: readonly (readonly number[])[],
): Topology["inputs"] {
  const left = [...inputs];
  return inputShapes.flatMap((given) => {
    const fitting = left.findIndex(({ shape }) => !shape || sizeOf(shape) === sizeOf(given));
    return left.splice(Math.max(0, fitting), 1);
  });
}
