import { binomialTail } from "#core/confidence/binomial.ts";

/** How often a test of `lives` lives may fail though the probability is right. */
const falseAlarm = 1e-3;

/** Returns the largest share of so many lives in which something of that probability is seen, but for chance. */
export function largestShare(lives: number, probability: number): number {
  let most = 0;
  while (1 - binomialTail(most, lives, probability) > falseAlarm) most++;
  return most / lives;
}
