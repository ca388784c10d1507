import * as tf from "@tensorflow/tfjs-core";

/** A softmax head in training: W with the bias as its last row, [width + 1, classes], and Adam's moments. */
export interface SoftmaxState {
  weights: Float32Array;
  first: Float32Array;
  second: Float32Array;
  iteration: number;
}

/** A batch: embeddings [rows, width + 1] ending in 1, targets [rows, classes], one weight per row. */
export interface SoftmaxBatch {
  rows: number;
  inputs: Float32Array;
  targets: Float32Array;
  weights: Float32Array;
}

/** The hyperparameters of softmax heads. */
export const softmaxSettings = {
  learningRate: 0.05,
  iterations: 60,
  /** The strengths of L2 towards the global head, in labels: a region with that many labels moves half of the way. */
  pulls: [10, 40, 160],
} as const;

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

/** Starts training at a head, without momentum. */
export function startSoftmax(head: Float32Array): SoftmaxState {
  const zeros = () => new Float32Array(head.length);
  return { weights: Float32Array.from(head), first: zeros(), second: zeros(), iteration: 0 };
}

/**
 * Computes the summed gradient of the weighted cross-entropy over a batch, [width + 1, classes]: Xᵀ(ω(softmax(XW) − Y)).
 * Gradients of batches add up, so that a large set can be processed in bounded slices.
 */
export function softmaxGradient(weights: Float32Array, batch: SoftmaxBatch, classes: number): Float32Array {
  const gradient = tf.tidy(() => {
    const inputs = tf.tensor2d(batch.inputs, [batch.rows, weights.length / classes]);
    const targets = tf.tensor2d(batch.targets, [batch.rows, classes]);
    const scores = tf.softmax(tf.matMul(inputs, tf.tensor2d(weights, [weights.length / classes, classes])));
    const residual = tf.mul(tf.sub(scores, targets), tf.tensor2d(batch.weights, [batch.rows, 1]));
    return tf.matMul(inputs, residual as tf.Tensor2D, true);
  });
  return valuesOf(gradient);
}

// Outside `tidy`, which looks for tensors in everything that it returns: in an array, at each number.
function valuesOf(tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}

/**
 * Takes one step of Adam (Kingma & Ba, arXiv 1412.6980) on mean cross-entropy + ½·l2·|W − start|².
 *
 * @param gradient the summed gradient over all rows
 * @param mass the sum of the rows' weights
 * @param start the global head, the centre of L2, [width + 1, classes]
 */
export function softmaxStep(
  state: SoftmaxState,
  gradient: Float32Array,
  mass: number,
  start: Float32Array,
  l2: number,
): SoftmaxState {
  const iteration = state.iteration + 1;
  const scale1 = 1 - beta1 ** iteration;
  const scale2 = 1 - beta2 ** iteration;
  const rate = softmaxSettings.learningRate;
  const next = tf.tidy(() => {
    const weights = tf.tensor1d(state.weights);
    const pull = tf.mul(tf.sub(weights, tf.tensor1d(start)), l2);
    const slope = tf.add(tf.div(tf.tensor1d(gradient), mass), pull);
    const first = tf.add(tf.mul(tf.tensor1d(state.first), beta1), tf.mul(slope, 1 - beta1));
    const second = tf.add(tf.mul(tf.tensor1d(state.second), beta2), tf.mul(tf.square(slope), 1 - beta2));
    const step = tf.div(tf.div(first, scale1), tf.add(tf.sqrt(tf.div(second, scale2)), epsilon));
    return { weights: tf.sub(weights, tf.mul(step, rate)), first, second };
  });
  return {
    weights: valuesOf(next.weights),
    first: valuesOf(next.first),
    second: valuesOf(next.second),
    iteration,
  };
}
