import * as tf from "@tensorflow/tfjs-core";
import { batchOf, type TrainingSet } from "./batches.ts";
import { blocksOf } from "./dataset.ts";
import { servedLoss, type Trainee } from "./objective.ts";

/** Rows in one forward pass: the first layers of a convolutional network are wide. */
const blockRows = 512;

/** Computes the weighted mean loss of what is served on a validation set. */
export async function validationLossOf(
  trainee: Trainee,
  validation: TrainingSet,
  classWeights: Float32Array | null,
): Promise<number> {
  const { rows, weights } = validation.data;
  let sum = 0;
  let weight = 0;
  for (const indexes of blocksOf(rows, blockRows)) {
    const loss = tf.tidy(() => servedLoss(trainee, batchOf(validation, indexes), classWeights));
    const blockWeight = indexes.reduce((total, row) => total + (weights[row] as number), 0);
    sum += ((await loss.data())[0] as number) * blockWeight;
    weight += blockWeight;
    loss.dispose();
  }
  return sum / weight;
}
