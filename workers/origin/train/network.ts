import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";

/** A dense network: relu in the hidden layers, the last of which gives the embedding, softmax in the head. */
export function buildNetwork(
  width: number,
  hidden: readonly number[],
  classes: number,
  seed: number,
): layers.Sequential {
  const network = layers.sequential();
  for (const [i, units] of hidden.entries()) {
    network.add(
      layers.layers.dense({
        name: `dense_${i + 1}`,
        units,
        activation: "relu",
        kernelInitializer: layers.initializers.heNormal({ seed: seed + i }),
        ...(i === 0 ? { inputShape: [width] } : {}),
      }),
    );
  }
  const kernelInitializer = layers.initializers.glorotUniform({ seed: seed + hidden.length });
  network.add(layers.layers.dense({ name: "head", units: classes, activation: "softmax", kernelInitializer }));
  return network;
}

/** Embeddings [rows, units] of inputs [rows, width]: all layers but the head. */
export function embed(network: layers.Sequential, inputs: tf.Tensor2D): tf.Tensor2D {
  return network.layers.slice(0, -1).reduce((values, layer) => layer.apply(values) as tf.Tensor2D, inputs);
}

/** The global head's logits [rows, classes] of embeddings: h·W + b. */
export function globalLogits(network: layers.Sequential, embeddings: tf.Tensor2D): tf.Tensor2D {
  const [kernel, bias] = (network.layers.at(-1) as layers.layers.Layer).getWeights() as [tf.Tensor2D, tf.Tensor1D];
  return tf.add(tf.matMul(embeddings, kernel), bias);
}

/** What an optimiser may change, kernels and biases in turn. */
export function variablesOf(network: layers.Sequential): tf.Variable[] {
  // A layer reads out its variables themselves, though their type says tensors.
  return network.trainableWeights.map((weight) => weight.read() as tf.Variable);
}
