import { asksOpinions, maxOpinionShareOf } from "#core/confidence/audit.ts";
import { correctOpinion, learnOpinion } from "#core/confidence/opinion.ts";
import { addPowered, correctPowered, type PoweredPlan, type PoweredTrial } from "#core/confidence/powered.ts";
import { addTrial, correctTrial, type Outcome } from "#core/confidence/trials.ts";
import type { CertificateWindow } from "#core/confidence/window.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import type { TrialRow } from "../tables/trials.ts";

/** Adds a trial to a window. Its error was predicted from what was counted before it. */
export function counted(state: CertificateWindow, trial: TrialRow, predicted: number): CertificateWindow {
  // A label that never came may have been an error.
  const error = (trial.error ?? 1) as Outcome;
  const { inclusionProbability, opinion } = trial;
  const trials = trial.planned ? addTrial(state.trials, { inclusionProbability, error }) : state.trials;
  const { powered } = state;
  if (!powered) return { ...state, trials };
  const capital = addPowered(powered.capital, poweredTrial(trial, predicted));
  const isLearned = trial.planned && trial.opinionShare !== null;
  const fit = isLearned ? learnOpinion(powered.fit, opinion, error) : powered.fit;
  return { ...state, trials, powered: { capital, fit } };
}

/** Corrects the label of a trial that a window contains. */
export function corrected(state: CertificateWindow, trial: TrialRow, error: Outcome): CertificateWindow {
  const previous = (trial.error ?? 1) as Outcome;
  if (previous === error) return state;
  const trials = correctTrial(state.trials, trial.inclusionProbability, previous, error);
  const { powered } = state;
  if (!powered) return { ...state, trials };
  const capital = correctPowered(powered.capital, poweredTrial(trial, trial.predicted ?? 0), error);
  const isLearned = trial.opinionShare !== null;
  const fit = isLearned ? correctOpinion(powered.fit, trial.opinion, previous, error) : powered.fit;
  return { ...state, trials, powered: { capital, fit } };
}

function poweredTrial(
  { inclusionProbability, opinionShare, planned, error }: TrialRow,
  predicted: number,
): PoweredTrial {
  return {
    plannedShare: inclusionProbability,
    opinionShare: opinionShare ?? inclusionProbability,
    isPlanned: planned,
    error: planned ? ((error ?? 1) as Outcome) : null,
    predicted,
  };
}

/** Returns the least inclusion probability that the policy records for an accepted question. */
export function leastInclusionProbability({ policy }: ClassifyManifest): number {
  return policy.truth === "complete" || policy.auditShare === 0 ? 1 : policy.auditShare;
}

/** Returns how the policy asks for opinions; null where it does not. */
export function poweredPlan({ policy, thin }: ClassifyManifest): PoweredPlan | null {
  if (!asksOpinions(policy)) return null;
  const { targetRisk } = thin.rule;
  return { targetRisk, minPlannedShare: policy.auditShare, maxOpinionShare: maxOpinionShareOf(policy) };
}
