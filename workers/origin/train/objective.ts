import * as tf from "@tensorflow/tfjs-core";
import type { TrainingPlan } from "../recipes/index.ts";
import { globalLogits, type Trainable, variablesOf } from "./network.ts";
import { meanSquare, type RegionalHeads, regionalLogits } from "./regional-heads.ts";

/** The rows of one training step as tensors. */
export interface TrainingBatch {
  /** One tensor for each of the network's inputs: [rows, …shape]. */
  inputs: tf.Tensor[];
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
export function objective(trainee: Trainee, batch: TrainingBatch): tf.Scalar {
  const { network, regional, plan } = trainee;
  let loss = batchLoss(trainee, batch);
  if (plan.l2 > 0) {
    for (const kernel of variablesOf(network).filter(({ rank }) => rank >= 2)) {
      loss = tf.add(loss, tf.mul(tf.sum(tf.square(kernel)), plan.l2));
    }
  }
  if (regional && plan.regionalHeads) loss = tf.add(loss, tf.mul(meanSquare(regional), plan.regionalHeads.l2));
  return loss;
}

/**
 * Computes the weighted mean cross-entropy of the global head with the labels, and with the teacher's scores if there is a
 * teacher. With regional heads it is mixed with the cross-entropy of each row's regional head, so that the backbone learns
 * what distinguishes the classes within regions (Caruana 1997, "Multitask learning").
 */
export function batchLoss({ network, regional, plan }: Trainee, batch: TrainingBatch): tf.Scalar {
  const embeddings = network.backbone.apply(batch.inputs) as tf.Tensor2D;
  const logits = globalLogits(network, embeddings);
  const loss = globalLoss(plan, batch, logits);
  if (!regional || !plan.regionalHeads) return loss;
  const { share } = plan.regionalHeads;
  const own = tf.add<tf.Tensor2D>(logits, regionalLogits(regional, embeddings, batch.regions));
  return tf.add(tf.mul(loss, 1 - share), tf.mul(crossEntropy(batch.labels, own, batch.weights), share));
}

// Hinton et al., arXiv 1503.02531: the gradients of soft targets at temperature T are 1/T² as large, so they weigh T².
function globalLoss(
  plan: Trainee["plan"],
  { labels, teacher, weights }: TrainingBatch,
  logits: tf.Tensor2D,
): tf.Scalar {
  const hard = crossEntropy(labels, logits, weights);
  if (!teacher) return hard;
  const { distil, distilTemperature: temperature } = plan;
  const soft = crossEntropy(teacher, tf.div(logits, temperature), weights);
  return tf.add(tf.mul(hard, 1 - distil), tf.mul(soft, distil * temperature ** 2));
}

function crossEntropy(targets: tf.Tensor2D, logits: tf.Tensor2D, weights: tf.Tensor1D): tf.Scalar {
  const losses = tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1));
  return tf.div(tf.sum(tf.mul(losses, weights)), tf.sum(weights));
}
