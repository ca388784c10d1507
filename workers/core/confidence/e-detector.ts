/** The state of an e-detector: one e-process for each bet of `bets`, as plain JSON. */
export interface EDetector {
  values: number[];
}

/**
 * The shares of the wealth that are staked. The best one is the mean of the non-zero x after the change: these suit 0.1 to
 * 0.7, and a difference of 10 points between answers that differ on 20% to 50% of the questions is 0.2 to 0.5.
 */
const bets: readonly number[] = [1 / 8, 1 / 4, 1 / 2];

/** Creates a detector that has seen nothing. */
export function startDetector(): EDetector {
  return { values: bets.map(() => 0) };
}

/**
 * Adds an observation x in [−1, 1] to a detector of changes to a positive mean, in O(bets): the mixture of Shiryaev-Roberts
 * e-detectors of Shin, Ramdas & Rinaldo (arXiv 2203.03532), M ← (M + 1)·(1 + λx) for each bet λ.
 *
 * While the mean of x, given the past, is at most 0, 1 + λx is an e-value. It may depend on the past in any way, such as by
 * heads that were trained on it. An x of 0 changes nothing: given x ≠ 0 the mean has the same sign, as in McNemar's test.
 */
export function updateDetector(detector: EDetector, x: number): EDetector {
  if (!(x >= -1 && x <= 1)) throw new RangeError(`x must be in [−1, 1]; received ${x}.`);
  if (x === 0) return detector;
  return { values: detector.values.map((value, i) => (value + 1) * (1 + (bets[i] as number) * x)) };
}

/**
 * Tells whether the mean M of the bets has reached `runLength`. While there is no change, the average run length until such
 * an alarm is at least `runLength` observations other than 0: E[M] is at most their number n at any time, and so
 * runLength ≤ E[M] ≤ E[n] at the alarm.
 */
export function isAlarm({ values }: EDetector, runLength: number): boolean {
  return values.reduce((sum, value) => sum + value, 0) >= runLength * values.length;
}
