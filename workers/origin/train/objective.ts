import * as tf from "@tensorflow/tfjs-core";
import type { TrainingPlan } from "../recipes/index.ts";
import type { Terms } from "./bag.ts";
import type { Dropout } from "./dropout.ts";
import { crossEntropy } from "./fused.ts";
import { meanSquare, type RegionalHeads, regionalLogits } from "./regional-heads.ts";
import { servedLogits, type Trainable } from "./trainable.ts";

/** The rows of one training step as tensors. */
export interface TrainingBatch {
  /** One tensor for each of the network's inputs but texts: [rows, …shape]. */
  inputs: tf.Tensor[];
  /** The n-grams of each text; none unless given. */
  terms?: Terms[];
  /** One-hot labels [rows, classes]. */
  labels: tf.Tensor2D;
  /** The teacher's scores at the plan's temperature [rows, classes]; null without a teacher. */
  teacher: tf.Tensor2D | null;
  /** One-hot regions [rows, regions]. */
  regions: tf.Tensor2D;
  /** The weight of each row [rows]. */
  weights: tf.Tensor1D;
}

/** A network under training, its plan, and the regional heads that the plan asks for. */
export interface Trainee {
  network: Trainable;
  regional: RegionalHeads | null;
  plan: Pick<TrainingPlan, "l2" | "regionalHeads" | "distil" | "distilTemperature">;
}

/** Computes the training loss: the batch's loss, L2 on the kernels, and L2 on the regional heads. */
export function objective(trainee: Trainee, batch: TrainingBatch, dropout: Dropout | null): tf.Scalar {
  const { network, regional, plan } = trainee;
  const embeddings = network.embed(batch.inputs, dropout, batch.terms);
  let loss = lossOf(trainee, batch, embeddings, network.members(embeddings));
  if (plan.l2 > 0) {
    for (const kernel of network.kernels) loss = tf.add(loss, tf.mul(tf.sum(tf.square(kernel)), plan.l2));
  }
  if (regional && plan.regionalHeads) loss = tf.add(loss, tf.mul(meanSquare(regional), plan.regionalHeads.l2));
  return loss;
}

/** Computes the loss of what is served: the members' mean, with the class weights [classes] taken out. */
export function servedLoss(trainee: Trainee, batch: TrainingBatch, classWeights: Float32Array | null): tf.Scalar {
  const embeddings = trainee.network.embed(batch.inputs, null, batch.terms);
  let logits = tf.expandDims(servedLogits(trainee.network, embeddings), 1) as tf.Tensor3D;
  if (classWeights) logits = tf.sub(logits, tf.log(tf.tensor1d(classWeights)));
  return lossOf(trainee, batch, embeddings, logits);
}

/**
 * Computes the weighted mean cross-entropy of each member's logits [rows, members, classes] with the labels, and with the
 * teacher's scores if there is a teacher. With regional heads it is mixed with the cross-entropy of each row's regional head,
 * so that the backbone learns what distinguishes the classes within regions (Caruana 1997, "Multitask learning").
 */
function lossOf(
  { regional, plan }: Trainee,
  batch: TrainingBatch,
  embeddings: tf.Tensor2D,
  logits: tf.Tensor3D,
): tf.Scalar {
  const loss = globalLoss(plan, batch, logits);
  if (!regional || !plan.regionalHeads) return loss;
  const { share } = plan.regionalHeads;
  const difference = tf.expandDims(regionalLogits(regional, embeddings, batch.regions), 1);
  const own = tf.add<tf.Tensor3D>(logits, difference);
  return tf.add(tf.mul(loss, 1 - share), tf.mul(crossEntropy(batch.labels, own, batch.weights), share));
}

// Hinton et al., arXiv 1503.02531: the gradients of soft targets at temperature T are 1/T² as large, so they weigh T².
function globalLoss(
  plan: Trainee["plan"],
  { labels, teacher, weights }: TrainingBatch,
  logits: tf.Tensor3D,
): tf.Scalar {
  const hard = crossEntropy(labels, logits, weights);
  if (!teacher) return hard;
  const { distil, distilTemperature: temperature } = plan;
  const soft = crossEntropy(teacher, tf.div(logits, temperature), weights);
  return tf.add(tf.mul(hard, 1 - distil), tf.mul(soft, distil * temperature ** 2));
}
