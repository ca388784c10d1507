import { softmax } from "./head.ts";
import { logLossOf } from "./metrics.ts";

const steps = 40;
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

/**
 * The temperature that makes softmax(logits / T) fit the labels best (Guo et al., arXiv 1706.04599), shrunken by a
 * normal prior on ln T: a golden-section search within a factor of 5. Never worse on them than the prior's centre.
 *
 * @param logits one [classes] row for each label
 */
export function fitTemperature(
  logits: readonly Float64Array[],
  labels: readonly number[],
  { centre = 1, deviation = 0.05 }: TemperaturePrior = {},
): number {
  if (logits.length === 0) return centre;
  const middle = Math.log(centre);
  const loss = (logT: number) => {
    const temperature = Math.exp(logT);
    const prior = (logT - middle) ** 2 / (2 * deviation ** 2 * labels.length);
    const scores = logits.map((row) => softmax(row, temperature));
    return logLossOf(scores, labels) + prior;
  };
  let low = middle - range;
  let high = middle + range;
  for (let i = 0; i < steps; i++) {
    const left = high - golden * (high - low);
    const right = low + golden * (high - low);
    if (loss(left) < loss(right)) high = right;
    else low = left;
  }
  const best = (low + high) / 2;
  return loss(best) < loss(middle) ? Math.exp(best) : centre;
}
