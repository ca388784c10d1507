/** 1 if the accepted answer was wrong, or if its planned label never arrived. */
export type Outcome = 0 | 1;

/** A labelled accepted question. */
export interface Trial {
  /** π in (0, 1]: the probability of its label, recorded when it was asked. */
  inclusionProbability: number;
  error: Outcome;
}

/** Additive sums over trials, from which the error is bounded and which can be corrected exactly. */
export interface Trials {
  labels: number;
  errors: number;
  /** Σ 1/π: the number of accepted questions that these labels represent. */
  weight: number;
  /** Σ E/π. */
  weightedErrors: number;
  /** Σ 1/π². */
  weight2: number;
  /** Σ E/π². */
  weightedErrors2: number;
  /** The least π that the policy can record, set before the first trial. The bounds may not learn it from the data. */
  minInclusionProbability: number;
}

/** Creates empty sums under a policy that records no π below `minInclusionProbability` (the audit share; 1 if every label arrives). */
export function noTrials(minInclusionProbability: number): Trials {
  if (!(minInclusionProbability > 0 && minInclusionProbability <= 1)) {
    throw new RangeError(`minInclusionProbability must be in (0, 1]; received ${minInclusionProbability}.`);
  }
  return {
    labels: 0,
    errors: 0,
    weight: 0,
    weightedErrors: 0,
    weight2: 0,
    weightedErrors2: 0,
    minInclusionProbability,
  };
}

/**
 * Adds one trial to the sums. Throws `RangeError` for a π that the policy could not have recorded.
 * @example addTrial(noTrials(0.02), { inclusionProbability: 0.02, error: 0 }).weight // 50
 */
export function addTrial(trials: Trials, { inclusionProbability, error }: Trial): Trials {
  checkInclusionProbability(trials, inclusionProbability);
  return {
    labels: trials.labels + 1,
    errors: trials.errors + error,
    weight: trials.weight + 1 / inclusionProbability,
    weightedErrors: trials.weightedErrors + error / inclusionProbability,
    weight2: trials.weight2 + 1 / inclusionProbability ** 2,
    weightedErrors2: trials.weightedErrors2 + error / inclusionProbability ** 2,
    minInclusionProbability: trials.minInclusionProbability,
  };
}

/** Adds the sums of disjoint trials. The least π is the lesser one. */
export function addTrials(a: Trials, b: Trials): Trials {
  return {
    labels: a.labels + b.labels,
    errors: a.errors + b.errors,
    weight: a.weight + b.weight,
    weightedErrors: a.weightedErrors + b.weightedErrors,
    weight2: a.weight2 + b.weight2,
    weightedErrors2: a.weightedErrors2 + b.weightedErrors2,
    minInclusionProbability: Math.min(a.minInclusionProbability, b.minInclusionProbability),
  };
}

/** Corrects the outcome of a trial that the sums contain, from `from` to `to`: its label was replaced later. */
export function correctTrial(trials: Trials, inclusionProbability: number, from: Outcome, to: Outcome): Trials {
  checkInclusionProbability(trials, inclusionProbability);
  const change = to - from;
  return {
    ...trials,
    errors: trials.errors + change,
    weightedErrors: trials.weightedErrors + change / inclusionProbability,
    weightedErrors2: trials.weightedErrors2 + change / inclusionProbability ** 2,
  };
}

/** Multiplies the sums, as if every trial had occurred `factor` times. */
export function repeatTrials(trials: Trials, factor: number): Trials {
  return {
    labels: trials.labels * factor,
    errors: trials.errors * factor,
    weight: trials.weight * factor,
    weightedErrors: trials.weightedErrors * factor,
    weight2: trials.weight2 * factor,
    weightedErrors2: trials.weightedErrors2 * factor,
    minInclusionProbability: trials.minInclusionProbability,
  };
}

function checkInclusionProbability({ minInclusionProbability }: Trials, inclusionProbability: number): void {
  if (inclusionProbability >= minInclusionProbability && inclusionProbability <= 1) return;
  throw new RangeError(
    `inclusionProbability must be in [${minInclusionProbability}, 1]; received ${inclusionProbability}. Start a new window for a policy that records less.`,
  );
}
