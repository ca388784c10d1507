import * as tf from "@tensorflow/tfjs-core";
import type * as layers from "@tensorflow/tfjs-layers";
import { seededRandom, shuffled } from "../random.ts";
import type { TrainingPlan } from "../recipes/index.ts";
import { batchOf, oneHot } from "./batches.ts";
import type { Dataset } from "./dataset.ts";
import { buildNetwork, variablesOf } from "./network.ts";
import { batchLoss, objective, type Trainee } from "./objective.ts";
import { startRegionalHeads } from "./regional-heads.ts";

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
 * Trains a dense network on `train`, watches `validation`, and gives the weights of the best epoch: Adam on the plan's
 * objective, shuffled with its seed, so that the same seed and backend give the same network. Regional heads that the
 * plan asks for are thrown away.
 */
export async function fitNetwork(train: Dataset, validation: Dataset, options: FitOptions): Promise<layers.Sequential> {
  const { classes, plan, onEpoch } = options;
  const trainee = startTrainee(train, options);
  const variables = [...variablesOf(trainee.network), ...Object.values(trainee.regional ?? {})];
  const optimizer = tf.train.adam(plan.learningRate);
  const targets = options.targets ?? oneHot(train.labels, classes);
  const random = seededRandom(plan.seed);
  let best: { loss: number; weights: tf.Tensor[] } | null = null;
  for (let epoch = 0, waited = 0; epoch < plan.epochs && waited < plan.patience; epoch++) {
    setRate(optimizer, plan.learningRate * rateShare(epoch / plan.epochs));
    let loss = 0;
    for (const picked of cut(shuffled(train.rows, random), plan.batchSize)) {
      const batch = batchOf(train, targets, classes, picked);
      const step = optimizer.minimize(() => objective(trainee, batch), true, variables) as tf.Scalar;
      loss += ((await step.data())[0] as number) * (picked.length / train.rows);
      tf.dispose([step, ...Object.values(batch)]);
    }
    const validationLoss = await lossOn(trainee, validation, classes);
    onEpoch?.({ epoch: epoch + 1, epochs: plan.epochs, loss, validationLoss });
    if (best && validationLoss >= best.loss) {
      waited++;
      continue;
    }
    tf.dispose(best?.weights ?? []);
    best = { loss: validationLoss, weights: trainee.network.getWeights().map((weight) => weight.clone()) };
    waited = 0;
  }
  if (best) trainee.network.setWeights(best.weights);
  tf.dispose([...(best?.weights ?? []), ...Object.values(trainee.regional ?? {})]);
  optimizer.dispose();
  return trainee.network;
}

/** Class scores [rows, classes] of a network for a dataset. */
export function predict(network: layers.LayersModel, { inputs, rows, width }: Dataset): Float32Array {
  return tf.tidy(() => {
    const all = tf.tensor2d(inputs, [rows, width]);
    return (network.predict(all, { batchSize: evaluationBatch }) as tf.Tensor).dataSync() as Float32Array;
  });
}

function startTrainee(train: Dataset, { hidden, classes, plan }: FitOptions): Trainee {
  const network = buildNetwork(train.width, hidden, classes, plan.seed);
  const width = hidden.at(-1) as number;
  return { network, plan, regional: plan.regionalHeads && startRegionalHeads(train.regionCount, width, classes) };
}

async function lossOn(trainee: Trainee, data: Dataset, classes: number): Promise<number> {
  const targets = oneHot(data.labels, classes);
  const order = Int32Array.from({ length: data.rows }, (_, row) => row);
  let sum = 0;
  for (const picked of cut(order, evaluationBatch)) {
    const loss = tf.tidy(() => batchLoss(trainee, batchOf(data, targets, classes, picked)));
    sum += ((await loss.data())[0] as number) * picked.length;
    loss.dispose();
  }
  return sum / data.rows;
}

function cut(order: Int32Array, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(order.length / size) }, (_, i) => order.subarray(i * size, (i + 1) * size));
}

function rateShare(progress: number): number {
  return finalRateShare + ((1 - finalRateShare) * (1 + Math.cos(Math.PI * progress))) / 2;
}

function setRate(optimizer: tf.Optimizer, rate: number): void {
  // The optimisers take a new rate, but their types do not say so.
  (optimizer as unknown as { learningRate: number }).learningRate = rate;
}
