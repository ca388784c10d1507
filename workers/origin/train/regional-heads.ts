import * as tf from "@tensorflow/tfjs-core";

/** A head for each region, as its difference from the global head: kernels [regions, width·classes], biases [regions, classes]. */
export interface RegionalHeads {
  kernels: tf.Variable<tf.Rank.R2>;
  biases: tf.Variable<tf.Rank.R2>;
}

/** Creates heads that equal the global head: all differences are zero. */
export function startRegionalHeads(regions: number, width: number, classes: number): RegionalHeads {
  // A variable copies its initial value and outlives `tidy`.
  return tf.tidy(() => ({
    kernels: tf.variable(tf.zeros<tf.Rank.R2>([regions, width * classes])),
    biases: tf.variable(tf.zeros<tf.Rank.R2>([regions, classes])),
  }));
}

/**
 * Computes what each row's regional head adds to the global logits, [rows, classes]: h·Δ_r + δ_r.
 * @param regions each row's region, one-hot [rows, regions]: the WASM backend has no gradient for a look-up
 */
export function regionalLogits(heads: RegionalHeads, embeddings: tf.Tensor2D, regions: tf.Tensor2D): tf.Tensor2D {
  const [rows, width] = embeddings.shape;
  const classes = heads.biases.shape[1];
  const kernels = tf.reshape(tf.matMul(regions, heads.kernels), [rows, width, classes]);
  const products = tf.mul(tf.expandDims(embeddings, 2), kernels);
  return tf.add(tf.sum(products, 1), tf.matMul(regions, heads.biases));
}

/** Computes the squared distance of the heads from the global head, averaged over regions. */
export function meanSquare({ kernels, biases }: RegionalHeads): tf.Scalar {
  return tf.div(tf.add(tf.sum(tf.square(kernels)), tf.sum(tf.square(biases))), kernels.shape[0]);
}
