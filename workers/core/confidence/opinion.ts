// Predicts the error of an accepted answer from the opinion of the rung above. An opinion is never a label: it only
// predicts one, and a certificate that uses the prediction holds for any prediction (`powered.ts`).
import type { Outcome } from "./trials.ts";

/** What the rung above thinks of the edge's prediction. */
export interface SecondOpinion {
  /** Whether its own prediction is the same. */
  agrees: boolean;
  /** Its score, in [0, 1], of the edge's prediction. */
  score: number;
}

/** Labels and errors among them, for each bin of opinions. Plain JSON. */
export interface OpinionFit {
  labels: number[];
  errors: number[];
}

interface Bin {
  agrees: boolean;
  /** The bin holds scores from here up to the next bin's. */
  from: number;
  /** The error before the first label. */
  prior: number;
}

const bins: readonly Bin[] = [
  { agrees: false, from: 0, prior: 0.8 },
  { agrees: false, from: 0.1, prior: 0.5 },
  { agrees: true, from: 0, prior: 0.1 },
  { agrees: true, from: 0.9, prior: 0.02 },
];
const priorLabels = 4;
/** Of questions whose opinion did not come. */
const noOpinion: Pick<Bin, "prior"> = { prior: 0.05 };
const priors = [...bins.map(({ prior }) => prior), noOpinion.prior];

/** Creates a fit without labels. */
export function noOpinionFit(): OpinionFit {
  return { labels: priors.map(() => 0), errors: priors.map(() => 0) };
}

/** Predicts the probability that the edge's prediction is wrong; `null` is an opinion that did not come. */
export function predictedError({ labels, errors }: OpinionFit, opinion: SecondOpinion | null): number {
  const bin = binOf(opinion);
  return (priorLabels * (priors[bin] as number) + (errors[bin] as number)) / (priorLabels + (labels[bin] as number));
}

/** Counts a planned label. Only questions that come later may be predicted from the result. */
export function learnOpinion(fit: OpinionFit, opinion: SecondOpinion | null, error: Outcome): OpinionFit {
  const bin = binOf(opinion);
  return { labels: withAdded(fit.labels, bin, 1), errors: withAdded(fit.errors, bin, error) };
}

/** Corrects a label that the fit contains, from `from` to `to`. Predictions that were recorded stay as they are. */
export function correctOpinion(fit: OpinionFit, opinion: SecondOpinion | null, from: Outcome, to: Outcome): OpinionFit {
  return { labels: fit.labels, errors: withAdded(fit.errors, binOf(opinion), to - from) };
}

function binOf(opinion: SecondOpinion | null): number {
  if (opinion === null) return bins.length;
  return bins.findLastIndex(({ agrees, from }) => agrees === opinion.agrees && opinion.score >= from);
}

function withAdded(counts: readonly number[], bin: number, change: number): number[] {
  return counts.map((count, i) => (i === bin ? count + change : count));
}
