/** 1 where the accepted answer turned out to be wrong, or where its label was never had. */
export type Outcome = 0 | 1;

/** An accepted question whose label was had; `pi`, in (0, 1], is the chance of that, recorded when it was asked. */
export interface Trial {
  pi: number;
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
  leastPi: number;
}

/** No trials yet, under a policy that records no π below `leastPi` (the audit share; 1 where every label is had). */
export function noTrials(leastPi: number): Trials {
  if (!(leastPi > 0 && leastPi <= 1)) throw new RangeError(`noTrials: leastPi must be in (0, 1], but got ${leastPi}`);
  return { labels: 0, errors: 0, weight: 0, weightedErrors: 0, weight2: 0, weightedErrors2: 0, leastPi };
}

/**
 * The sums with one more trial. Throws a RangeError for a π that the policy could not have recorded.
 * @example addTrial(noTrials(0.02), { pi: 0.02, error: 0 }).weight // 50
 */
export function addTrial(trials: Trials, { pi, error }: Trial): Trials {
  checkPi("addTrial", trials, pi);
  return {
    labels: trials.labels + 1,
    errors: trials.errors + error,
    weight: trials.weight + 1 / pi,
    weightedErrors: trials.weightedErrors + error / pi,
    weight2: trials.weight2 + 1 / pi ** 2,
    weightedErrors2: trials.weightedErrors2 + error / pi ** 2,
    leastPi: trials.leastPi,
  };
}

/** The sums as though a trial already in them had turned out `to` in place of `from`: its label was replaced later. */
export function correctTrial(trials: Trials, pi: number, from: Outcome, to: Outcome): Trials {
  checkPi("correctTrial", trials, pi);
  const change = to - from;
  return {
    ...trials,
    errors: trials.errors + change,
    weightedErrors: trials.weightedErrors + change / pi,
    weightedErrors2: trials.weightedErrors2 + change / pi ** 2,
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
    leastPi: trials.leastPi,
  };
}

function checkPi(operation: string, { leastPi }: Trials, pi: number): void {
  if (pi >= leastPi && pi <= 1) return;
  throw new RangeError(
    `${operation}: pi must be in [${leastPi}, 1], but got ${pi}; a policy that records less starts a new window`,
  );
}
