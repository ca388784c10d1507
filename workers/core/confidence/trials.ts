/** 1 where the accepted answer turned out to be wrong, or where its label was never had. */
export type Outcome = 0 | 1;

/** An accepted question whose label was had; `inclusion probability`, in (0, 1], is the chance of that, recorded when it was asked. */
export interface Trial {
  inclusionProbability: number;
  error: Outcome;
}

/** The sums over trials from which error is bounded: plain, additive, and so exact to correct. */
export interface Trials {
  labels: number;
  errors: number;
  /** Σ 1/π: how many accepted questions these labels stand for. */
  weight: number;
  /** Σ E/π. */
  weightedErrors: number;
  /** Σ 1/π². */
  weight2: number;
  /** Σ E/π². */
  weightedErrors2: number;
  /** The least π that the policy can record, set before the first trial: the bounds may not learn it from the data. */
  minInclusionProbability: number;
}

/** No trials yet, under a policy that records no π below `minInclusionProbability` (the audit share; 1 where every label is had). */
export function noTrials(minInclusionProbability: number): Trials {
  if (!(minInclusionProbability > 0 && minInclusionProbability <= 1))
    throw new RangeError(`noTrials: minInclusionProbability must be in (0, 1], but got ${minInclusionProbability}`);
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
 * The sums with one more trial. Throws a RangeError for a π that the policy could not have recorded.
 * @example addTrial(noTrials(0.02), { inclusion probability: 0.02, error: 0 }).weight // 50
 */
export function addTrial(trials: Trials, { inclusionProbability, error }: Trial): Trials {
  checkInclusionProbability("addTrial", trials, inclusionProbability);
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

/** The sums as though a trial already in them had turned out `to` in place of `from`: its label was replaced later. */
export function correctTrial(trials: Trials, inclusionProbability: number, from: Outcome, to: Outcome): Trials {
  checkInclusionProbability("correctTrial", trials, inclusionProbability);
  const change = to - from;
  return {
    ...trials,
    errors: trials.errors + change,
    weightedErrors: trials.weightedErrors + change / inclusionProbability,
    weightedErrors2: trials.weightedErrors2 + change / inclusionProbability ** 2,
  };
}

/** The sums as though every trial had come `factor` times: what more of the same would say. */
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

function checkInclusionProbability(
  operation: string,
  { minInclusionProbability }: Trials,
  inclusionProbability: number,
): void {
  if (inclusionProbability >= minInclusionProbability && inclusionProbability <= 1) return;
  throw new RangeError(
    `${operation}: inclusion probability must be in [${minInclusionProbability}, 1], but got ${inclusionProbability}; a policy that records less starts a new window`,
  );
}
