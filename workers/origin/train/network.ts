import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { sizeOf } from "#core/input/index.ts";
import type { LayerPlan } from "../recipes/index.ts";

/** A network under training: the whole, and its two parts on the same weights. */
export interface Trainable {
  whole: layers.LayersModel;
  /** All layers up to the embedding. */
  backbone: layers.LayersModel;
  head: layers.layers.Layer;
}

export interface NetworkShape {
  /** The shapes of its inputs: the instance, and the region if it is a separate input. */
  shapes: readonly number[][];
  layers: readonly LayerPlan[];
  classes: number;
  seed: number;
}

/**
 * Builds a network: the planned hidden layers with relu, the last of which outputs the embedding, and a softmax head. A
 * region that is a separate input is concatenated before the first dense layer: its rows of that layer's kernel are the
 * regions' embeddings. An unknown region has none of them.
 */
export function buildNetwork({ shapes, layers: plans, classes, seed }: NetworkShape): Trainable {
  const inputs = shapes.map((shape, i) => layers.input({ shape, name: i === 0 ? "instance" : "region" }));
  let values = inputs[0] as layers.SymbolicTensor;
  let region = inputs[1];
  for (const [i, plan] of plans.entries()) {
    if (plan.type === "dense" && values.shape.length > 2) {
      values = layers.layers.flatten({ name: "flatten" }).apply(values) as layers.SymbolicTensor;
    }
    if (plan.type === "dense" && region) {
      values = layers.layers.concatenate({ name: "with_region" }).apply([values, region]) as layers.SymbolicTensor;
      region = undefined;
    }
    values = hiddenLayer(plan, i, seed + i).apply(values) as layers.SymbolicTensor;
  }
  const kernelInitializer = layers.initializers.glorotUniform({ seed: seed + plans.length });
  const head = layers.layers.dense({ name: "head", units: classes, activation: "softmax", kernelInitializer });
  const scores = head.apply(values) as layers.SymbolicTensor;
  return {
    whole: layers.model({ inputs, outputs: scores }),
    backbone: layers.model({ inputs, outputs: values }),
    head,
  };
}

function hiddenLayer(plan: LayerPlan, i: number, seed: number): layers.layers.Layer {
  const kernelInitializer = layers.initializers.heNormal({ seed });
  const name = `${plan.type}_${i + 1}`;
  switch (plan.type) {
    case "dense":
      return layers.layers.dense({ name, units: plan.units, activation: "relu", kernelInitializer });
    case "conv": {
      const { filters, size: kernelSize, stride: strides = 1 } = plan;
      const shape = { filters, kernelSize, strides, padding: "same" as const };
      return layers.layers.conv2d({ name, ...shape, activation: "relu", kernelInitializer });
    }
    case "pool":
      return layers.layers.maxPooling2d({ name, poolSize: plan.size, strides: plan.size, padding: "valid" });
  }
}

/** Returns the embedding's width. */
export function widthOf({ backbone }: Pick<Trainable, "backbone">): number {
  return (backbone.outputs[0] as layers.SymbolicTensor).shape[1] as number;
}

/** Computes the global head's logits [rows, classes] of embeddings: h·W + b. */
export function globalLogits({ head }: Trainable, embeddings: tf.Tensor2D): tf.Tensor2D {
  const [kernel, bias] = head.getWeights() as [tf.Tensor2D, tf.Tensor1D];
  return tf.add(tf.matMul(embeddings, kernel), bias);
}

/** Lists the trainable variables, kernels and biases alternating. */
export function variablesOf({ whole }: Trainable): tf.Variable[] {
  // `read` returns the variable itself, although its type is a tensor.
  return whole.trainableWeights.map((weight) => weight.read() as tf.Variable);
}

/** Cuts rows of values into one tensor for each of the network's inputs. */
export function inputTensors(shapes: readonly number[][], values: Float32Array, rows: number): tf.Tensor[] {
  return tf.tidy(() => {
    const sizes = shapes.map(sizeOf);
    const width = sizes.reduce((sum, size) => sum + size, 0);
    if (shapes.length === 1) return [tf.tensor(values, [rows, ...(shapes[0] as number[])])];
    const parts = tf.split(tf.tensor2d(values, [rows, width]), sizes, 1);
    return parts.map((part, i) => tf.reshape(part, [rows, ...(shapes[i] as number[])]));
  });
}
