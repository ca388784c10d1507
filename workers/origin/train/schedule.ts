/** The learning rate falls along a half cosine to this share of itself. */
const finalRateShare = 0.05;

/** Returns the factor on the learning rate when a share of the epochs is done. */
export function learningRateFactor(progress: number): number {
  return finalRateShare + ((1 - finalRateShare) * (1 + Math.cos(Math.PI * progress))) / 2;
}

/** Combines seed, epoch and step into one seed. Step 0 seeds the epoch's order, the others its batches. */
export function stepSeed(seed: number, epoch: number, step: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ Math.imul(epoch + 1, 0x85ebca6b) ^ Math.imul(step, 0xc2b2ae35)) >>> 0;
}

/** When one of several trainings ends at the latest, if the time left is shared. */
export function shareOf(until: number | undefined, trainings: number): number | undefined {
  return until === undefined ? undefined : Date.now() + Math.max(0, until - Date.now()) / trainings;
}
