import type { Label } from "./label.ts";
import { calibratedLogLoss } from "./metrics.ts";

/** Gives ln T to within 1e-4. */
const steps = 21;
const golden = (Math.sqrt(5) - 1) / 2;
/** The largest distance of ln T from its start. */
const range = Math.log(5);

/** The normal prior on ln T. */
export interface TemperaturePrior {
  /** T without data. Defaults to 1. */
  centre?: number;
  /** The standard deviation of ln T, so small that a few labels do not move it. Defaults to 0.05. */
  deviation?: number;
}

/** The prior used unless another is given. */
export const defaultTemperature: Required<TemperaturePrior> = { centre: 1, deviation: 0.05 };

/**
 * Fits the temperature of softmax(logits / T) to labels (Guo et al., arXiv 1706.04599), shrunken by a normal prior on ln T:
 * a golden-section search within a factor of 5. Never has a higher log-loss on the labels than the prior's centre.
 *
 * @param logits one [classes] row for each label
 */
export function fitTemperature(
  logits: readonly Float64Array[],
  labels: readonly Label[],
  prior: TemperaturePrior = {},
): number {
  const { centre, deviation } = { ...defaultTemperature, ...prior };
  if (logits.length === 0) return centre;
  const middle = Math.log(centre);
  const loss = (logT: number) => {
    const penalty = (logT - middle) ** 2 / (2 * deviation ** 2 * labels.length);
    return calibratedLogLoss(logits, labels, Math.exp(logT)) + penalty;
  };
  let [low, high] = [middle - range, middle + range];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [leftLoss, rightLoss] = [loss(left), loss(right)];
  // Each step drops one end and keeps the other inner point: one evaluation per step.
  for (let i = 0; i < steps; i++) {
    if (leftLoss < rightLoss) {
      [high, right, rightLoss] = [right, left, leftLoss];
      left = high - golden * (high - low);
      leftLoss = loss(left);
    } else {
      [low, left, leftLoss] = [left, right, rightLoss];
      right = low + golden * (high - low);
      rightLoss = loss(right);
    }
  }
  const [best, bestLoss] = leftLoss < rightLoss ? [left, leftLoss] : [right, rightLoss];
  return bestLoss < calibratedLogLoss(logits, labels, centre) ? Math.exp(best) : centre;
}
