import { softmax } from "./head.ts";
import { logLossOf } from "./metrics.ts";

const steps = 40;
const golden = (Math.sqrt(5) - 1) / 2;
/** How far ln T is thought to be from 0 before anything is seen: a few labels must not move it. */
const priorDeviation = 0.05;

/**
 * The temperature that makes softmax(logits / T) fit the labels best (Guo et al., arXiv 1706.04599), shrunken towards 1
 * by a normal prior on ln T: a golden-section search over ln T in [ln 0.2, ln 5]. Never worse on them than T = 1.
 *
 * @param logits one [classes] row for each label
 */
export function fitTemperature(logits: readonly Float64Array[], labels: readonly number[]): number {
  if (logits.length === 0) return 1;
  const loss = (logT: number) => {
    const temperature = Math.exp(logT);
    const prior = logT ** 2 / (2 * priorDeviation ** 2 * labels.length);
    const scores = logits.map((row) => softmax(row, temperature));
    return logLossOf(scores, labels) + prior;
  };
  let low = Math.log(0.2);
  let high = Math.log(5);
  for (let i = 0; i < steps; i++) {
    const left = high - golden * (high - low);
    const right = low + golden * (high - low);
    if (loss(left) < loss(right)) high = right;
    else low = left;
  }
  const best = (low + high) / 2;
  return loss(best) < loss(0) ? Math.exp(best) : 1;
}
