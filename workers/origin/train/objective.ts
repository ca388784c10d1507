import * as tf from "@tensorflow/tfjs-core";
import type * as layers from "@tensorflow/tfjs-layers";
import type { TrainingPlan } from "../recipes/index.ts";
import { embed, globalLogits, variablesOf } from "./network.ts";
import { meanSquare, type RegionalHeads, regionalLogits } from "./regional-heads.ts";

/** Rows as tensors: inputs [rows, width], targets and one-hot labels [rows, classes], one-hot regions [rows, regions]. */
export interface Batch {
  inputs: tf.Tensor2D;
  targets: tf.Tensor2D;
  labels: tf.Tensor2D;
  regions: tf.Tensor2D;
}

/** A network under training, its plan, and the regional heads that the plan asks for. */
export interface Trainee {
  network: layers.Sequential;
  regional: RegionalHeads | null;
  plan: Pick<TrainingPlan, "l2" | "regionalHeads">;
}

/** The loss that training makes small: a batch's own, L2 on the kernels, and the pull on regional heads. */
export function objective(trainee: Trainee, batch: Batch): tf.Scalar {
  const { network, regional, plan } = trainee;
  let loss = batchLoss(trainee, batch);
  if (plan.l2 > 0) {
    for (const kernel of variablesOf(network).filter(({ rank }) => rank === 2)) {
      loss = tf.add(loss, tf.mul(tf.sum(tf.square(kernel)), plan.l2));
    }
  }
  if (regional && plan.regionalHeads) loss = tf.add(loss, tf.mul(meanSquare(regional), plan.regionalHeads.l2));
  return loss;
}

/**
 * The mean cross-entropy of the global head with the targets; with regional heads, mixed with that of each row's own
 * head with the labels, so that the backbone learns what regions will later want to tell apart (Caruana 1997,
 * "Multitask learning").
 */
export function batchLoss({ network, regional, plan }: Trainee, batch: Batch): tf.Scalar {
  const embeddings = embed(network, batch.inputs);
  const global = globalLogits(network, embeddings);
  const loss = crossEntropy(batch.targets, global);
  if (!regional || !plan.regionalHeads) return loss;
  const { share } = plan.regionalHeads;
  const own = tf.add<tf.Tensor2D>(global, regionalLogits(regional, embeddings, batch.regions));
  return tf.add(tf.mul(loss, 1 - share), tf.mul(crossEntropy(batch.labels, own), share));
}

function crossEntropy(targets: tf.Tensor2D, logits: tf.Tensor2D): tf.Scalar {
  return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1)));
}
