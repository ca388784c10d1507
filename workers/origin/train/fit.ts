import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { seededRandom, shuffled } from "../random.ts";
import type { TrainingPlan } from "../recipes/index.ts";
import type { Dataset } from "./dataset.ts";

export interface Epoch {
  epoch: number;
  epochs: number;
  loss: number;
  validationLoss: number;
}

export interface FitOptions {
  hidden: readonly number[];
  classes: number;
  plan: TrainingPlan;
  /** Targets [rows, classes] for the training rows; one-hot labels unless given. */
  targets?: Float32Array;
  onEpoch?: (epoch: Epoch) => void;
}

const evaluationBatch = 4096;
/** The learning rate falls along a half cosine to this share of itself. */
const finalRateShare = 0.05;

/**
 * Trains a dense network on `train`, watches `validation`, and gives the weights of the best epoch: Adam on
 * cross-entropy, shuffled with the plan's seed, so that the same seed and backend give the same network.
 */
export async function fitNetwork(train: Dataset, validation: Dataset, options: FitOptions): Promise<layers.Sequential> {
  const { classes, plan, onEpoch } = options;
  const model = buildNetwork(train.width, options.hidden, classes, plan.seed);
  const optimizer = tf.train.adam(plan.learningRate);
  model.compile({ optimizer, loss: "categoricalCrossentropy" });
  const targets = options.targets ?? oneHot(train.labels, classes);
  const random = seededRandom(plan.seed);
  let best: { loss: number; weights: tf.Tensor[] } | null = null;
  let waited = 0;
  for (let epoch = 0; epoch < plan.epochs && waited < plan.patience; epoch++) {
    setRate(optimizer, plan.learningRate * rateShare(epoch / plan.epochs));
    const loss = await runEpoch(model, train, targets, classes, plan.batchSize, shuffled(train.rows, random));
    const validationLoss = lossOn(model, validation, classes);
    onEpoch?.({ epoch: epoch + 1, epochs: plan.epochs, loss, validationLoss });
    if (best && validationLoss >= best.loss) {
      waited++;
      continue;
    }
    tf.dispose(best?.weights ?? []);
    best = { loss: validationLoss, weights: model.getWeights().map((weight) => weight.clone()) };
    waited = 0;
  }
  if (best) model.setWeights(best.weights);
  tf.dispose(best?.weights ?? []);
  optimizer.dispose();
  return model;
}

/** Class scores [rows, classes] of a network for a dataset. */
export function predict(model: layers.LayersModel, { inputs, rows, width }: Dataset): Float32Array {
  const parts: Float32Array[] = [];
  for (let from = 0; from < rows; from += evaluationBatch) {
    const to = Math.min(rows, from + evaluationBatch);
    parts.push(
      tf.tidy(() => {
        const batch = tf.tensor2d(inputs.subarray(from * width, to * width), [to - from, width]);
        return (model.predict(batch) as tf.Tensor).dataSync() as Float32Array;
      }),
    );
  }
  const classes = (parts[0]?.length ?? 0) / Math.min(rows, evaluationBatch);
  const all = new Float32Array(rows * classes);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Rows of [classes] with a one at each label. */
export function oneHot(labels: Int32Array, classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes);
  for (const [row, label] of labels.entries()) out[row * classes + label] = 1;
  return out;
}

function buildNetwork(width: number, hidden: readonly number[], classes: number, seed: number): layers.Sequential {
  const model = layers.sequential();
  for (const [i, units] of hidden.entries()) {
    model.add(
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
  model.add(layers.layers.dense({ name: "head", units: classes, activation: "softmax", kernelInitializer }));
  return model;
}

async function runEpoch(
  model: layers.Sequential,
  { inputs, rows, width }: Dataset,
  targets: Float32Array,
  classes: number,
  batchSize: number,
  order: Int32Array,
): Promise<number> {
  let total = 0;
  for (let from = 0; from < rows; from += batchSize) {
    const picked = order.subarray(from, Math.min(rows, from + batchSize));
    const x = tf.tensor2d(gather(inputs, picked, width), [picked.length, width]);
    const y = tf.tensor2d(gather(targets, picked, classes), [picked.length, classes]);
    total += ((await model.trainOnBatch(x, y)) as number) * picked.length;
    tf.dispose([x, y]);
  }
  return total / rows;
}

function gather(values: Float32Array, picked: Int32Array, width: number): Float32Array {
  const out = new Float32Array(picked.length * width);
  for (const [i, row] of picked.entries()) out.set(values.subarray(row * width, (row + 1) * width), i * width);
  return out;
}

function lossOn(model: layers.Sequential, data: Dataset, classes: number): number {
  const scores = predict(model, data);
  let sum = 0;
  for (const [row, label] of data.labels.entries()) {
    sum -= Math.log(Math.max(scores[row * classes + label] as number, 1e-7));
  }
  return sum / data.rows;
}

function rateShare(progress: number): number {
  return finalRateShare + ((1 - finalRateShare) * (1 + Math.cos(Math.PI * progress))) / 2;
}

function setRate(optimizer: tf.Optimizer, rate: number): void {
  // The optimisers take a new rate, but their types do not say so.
  (optimizer as unknown as { learningRate: number }).learningRate = rate;
}
