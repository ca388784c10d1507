import { calibratedLogLoss } from "./metrics.ts";

/** Enough for ln T to within 1e-4. */
const steps = 21;
const golden = (Math.sqrt(5) - 1) / 2;
/** How far ln T may be from where it starts. */
const range = Math.log(5);

/** What is thought of ln T before anything is seen. */
export interface TemperaturePrior {
  /** T where nothing is known; 1 by default. */
  centre?: number;
  /** The standard deviation of ln T: a few labels must not move it. 0.05 by default. */
  deviation?: number;
}

export const defaultTemperature: Required<TemperaturePrior> = { centre: 1, deviation: 0.05 };

/**
 * The temperature that makes softmax(logits / T) fit the labels best (Guo et al., arXiv 1706.04599), shrunken by a
 * normal prior on ln T: a golden-section search within a factor of 5. Never worse on them than the prior's centre.
 *
 * @param logits one [classes] row for each label
 */
export function fitTemperature(
  logits: readonly Float64Array[],
  labels: readonly number[],
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
  // Each step throws one end away and keeps the other inner point: one evaluation a step.
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
