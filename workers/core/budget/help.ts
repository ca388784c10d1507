// How likely a rung above is to be right where the edge is wrong, by the edge's confidence: (1 − confidence) times a ratio
// for each bin of confidence. The ratio is learned from labelled questions that both answered, and shrunk to that of all bins.

/** What labels say of a rung, by bin of the edge's confidence: the sums of 1 − confidence, and how often it helped. Plain JSON. */
export interface Help {
  doubt: number[];
  helped: number[];
}

/** A labelled question that the edge and the rung above have answered. */
export interface HelpPair {
  /** The edge's confidence in [0, 1]. */
  confidence: number;
  aboveRight: boolean;
  edgeRight: boolean;
}

const bins = 8;
/** The ratio before the first label, and how much doubt it weighs. */
const prior = { ratio: 0.7, doubt: 5 };
/** How much doubt the ratio of all bins weighs in each of them. */
const shrinkage = 10;
/** Older labels count less, since heads and rungs change: their weights sum to 1,000. */
const memory = 1 - 1 / 1_000;
/** An edge that is sure can still be wrong. */
const leastDoubt = 0.001;

/** Creates the state of no labels. */
export function noHelp(): Help {
  return { doubt: Array(bins).fill(0), helped: Array(bins).fill(0) };
}

/** Adds a labelled pair. Call it only for labels that may compare the rungs (`isComparable`). */
export function learnHelp({ doubt, helped }: Help, { confidence, aboveRight, edgeRight }: HelpPair): Help {
  const own = binOf(confidence);
  const added = (sums: readonly number[], value: number) =>
    sums.map((sum, bin) => memory * sum + (bin === own ? value : 0));
  return { doubt: added(doubt, doubtOf(confidence)), helped: added(helped, Number(aboveRight && !edgeRight)) };
}

/** Computes the probability in [0, 1] that the rung above is right and the edge wrong. */
export function expectedHelp({ doubt, helped }: Help, confidence: number): number {
  const bin = binOf(confidence);
  const all = (sum(helped) + prior.doubt * prior.ratio) / (sum(doubt) + prior.doubt);
  const ratio = ((helped[bin] as number) + shrinkage * all) / ((doubt[bin] as number) + shrinkage);
  return Math.min(1, doubtOf(confidence) * ratio);
}

function doubtOf(confidence: number): number {
  return Math.max(leastDoubt, 1 - confidence);
}

function binOf(confidence: number): number {
  return Math.min(bins - 1, Math.max(0, Math.floor(confidence * bins)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
