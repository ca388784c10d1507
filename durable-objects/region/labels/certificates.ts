import { asksOpinions, maxOpinionShareOf } from "#core/confidence/audit.ts";
import { correctOpinion, learnOpinion, predictedError, type SecondOpinion } from "#core/confidence/opinion.ts";
import { addPowered, correctPowered, type PoweredPlan, type PoweredTrial } from "#core/confidence/powered.ts";
import { addTrial, correctTrial, type Outcome } from "#core/confidence/trials.ts";
import {
  type CertificateWindow,
  firstWindow,
  isWithin,
  nextWindow,
  type Verdict,
  verdict,
} from "#core/confidence/window.ts";
import {
  type CertificateState,
  type ClassifyManifest,
  type LabelSource,
  questionKeepMs,
} from "#core/contract/index.ts";
import type { PlannedLabels, TrialRow } from "../tables/trials.ts";
import type { RegionWindow, Windows } from "../tables/windows.ts";

/** How long a planned label may take; a later one counts as an error until it arrives. */
export const labelDueMs = 14 * 24 * 3600_000;
/** How long an opinion may take; a later one is not used. */
const opinionDueMs = 3600_000;

/** What a certificate records of a question when it is asked. */
export interface CountedQuestion {
  id: string;
  at: number;
  accepted: boolean;
  prediction: string;
  inclusionProbability: number;
  /** Whether a coin has planned its label. */
  planned: boolean;
  /** The share of questions about which the rung above is asked, and whether it is asked about this one. */
  opinionShare: number;
  isOpinionDrawn: boolean;
}

/** What certificates read and write. */
interface CertificateNeeds {
  windows: Windows;
  trials: PlannedLabels;
}

/** What labels and opinions prove about the error of the answers that the region's rule accepts, by version. */
export class Certificates {
  private readonly needs: CertificateNeeds;

  constructor(needs: CertificateNeeds) {
    this.needs = needs;
  }

  /** Records a question: a trial where its label is planned or an opinion is drawn, a count where it was escalated. */
  recordQuestion(manifest: ClassifyManifest, question: CountedQuestion): void {
    const { windows, trials } = this.needs;
    const { id, at, accepted, prediction, inclusionProbability, planned, opinionShare, isOpinionDrawn } = question;
    const window = this.window(manifest, at);
    if (!accepted) windows.countEscalated(window.number);
    const isAsked = isOpinionDrawn && opinionShare > inclusionProbability && window.state.powered !== undefined;
    if (!accepted || (!planned && !isAsked)) return;
    const now = Date.now();
    trials.add({
      ...{ id, at, prediction, inclusionProbability, planned, base: manifest.version, dueAt: now + labelDueMs },
      ...(isAsked ? { opinionShare, opinionDueAt: now + opinionDueMs } : {}),
    });
  }

  /** Records what the rung above thinks of a question; null where it does not say. */
  recordOpinion(id: string, opinion: SecondOpinion | null): void {
    this.needs.trials.setOpinion(id, opinion);
  }

  /** Records a label of an accepted question. Returns whether the certificate counts it: only planned labels do. */
  recordLabel(
    { version }: ClassifyManifest,
    { id, isRight, source }: { id: string; isRight: boolean; source: LabelSource },
  ): boolean {
    const { windows, trials } = this.needs;
    windows.noteSource(windows.current(version)?.number ?? 0, source);
    const trial = trials.find(id);
    if (!trial?.planned) return false;
    const error: Outcome = isRight ? 0 : 1;
    trials.setError(id, error);
    if (trial.window !== null) this.correct(trial, error);
    return true;
  }

  /**
   * Counts trials in the order of asking, up to the first whose label or opinion may still come. Closes a window that is
   * void, and returns whether one was.
   */
  advance(manifest: ClassifyManifest): boolean {
    const { windows, trials } = this.needs;
    // A corrected label may have made it void.
    let isVoid = this.closeIfVoid(manifest);
    for (const trial of trials.countable(manifest.version, Date.now())) {
      const current = this.window(manifest, trial.at);
      if (trial.number <= current.afterTrial) {
        trials.skip(trial.number);
        continue;
      }
      const { state, predicted } = counted(current.state, trial);
      trials.setCounted(trial.number, current.number, predicted);
      windows.save(current.number, state);
      windows.noteNewest(current.number, trial.at);
      isVoid = this.closeIfVoid(manifest) || isVoid;
    }
    return isVoid;
  }

  /** Returns whether another version has an older certificate that this version may inherit. */
  mayInherit(base: number): boolean {
    return this.needs.windows.before(base, null) !== null;
  }

  /**
   * Gives a version the certificate of the version that it replaces: both count what the region accepted, each question by
   * the rule in force when it was asked. The certificate that the version earned as a canary ends. Its threshold stays.
   */
  inherit(base: number, canary: number | null): void {
    const { windows, trials } = this.needs;
    const from = windows.before(base, canary);
    if (from === null) return;
    windows.inherit(base, from);
    trials.inherit(base, from);
  }

  verdict(manifest: ClassifyManifest): Verdict {
    const { targetRisk, delta } = manifest.thin.rule;
    const open = this.needs.windows.current(manifest.version)?.state;
    return verdict(open ?? firstWindow(0, leastInclusionProbability(manifest), poweredPlan(manifest)), {
      targetRisk,
      delta,
    });
  }

  /** Returns what the labels of the open window prove; null before the first question. */
  state(manifest: ClassifyManifest): CertificateState | null {
    const current = this.needs.windows.current(manifest.version);
    if (!current) return null;
    const { targetRisk, delta } = manifest.thin.rule;
    const found = this.verdict(manifest);
    const { trials, from } = current.state;
    const broken = this.needs.windows.lastReason(manifest.version);
    const isBroken = found.status === "pending" && broken !== null;
    const status = isBroken ? "void" : found.status;
    const reason = isBroken ? broken : reasonOf(found, targetRisk);
    // A waiting trial was accepted as well.
    const accepted = trials.weight + this.needs.trials.waitingWeight(manifest.version, current.afterTrial);
    const asked = accepted + current.escalated;
    const newest = current.newest ?? from;
    const window = { number: current.state.number, from: day(from), to: day(newest) };
    const confidence = 1 - delta;
    const coverage = asked > 0 ? accepted / asked : 0;
    const { bound, lower, mean, labels, labelsNeeded } = found;
    const expected = expectedDay({ labels, labelsNeeded, from, newest });
    return {
      ...{ status, targetRisk, confidence, bound, lower, mean, coverage, labels, labelsNeeded, window, reason },
      ...(expected === null ? {} : { expected }),
    };
  }

  /** Returns the weakest source among the labels of the open window. */
  source(base: number): LabelSource {
    return this.needs.windows.current(base)?.source ?? "truth";
  }

  /** Returns the versions with planned or overdue labels. */
  basesWaiting(): number[] {
    return this.needs.trials.basesWaiting();
  }

  /** Returns when the next planned label is overdue; null where none is planned. */
  nextDue(): number | null {
    return this.needs.trials.nextDue();
  }

  expire(): void {
    this.needs.trials.expire(Date.now() - questionKeepMs);
  }

  /** Forgets a question. A trial whose label came keeps counting, without its id. */
  forget(id: string): void {
    this.needs.trials.forget(id);
  }

  private correct(trial: TrialRow, error: Outcome): void {
    const { windows } = this.needs;
    const window = trial.window === null ? null : windows.get(trial.window);
    const previous = (trial.error ?? 1) as Outcome;
    if (!window || previous === error) return;
    const { state } = window;
    const trials = correctTrial(state.trials, trial.inclusionProbability, previous, error);
    const powered = state.powered && {
      capital: correctPowered(state.powered.capital, poweredTrial(trial, trial.predicted ?? 0), error),
      fit: correctOpinion(state.powered.fit, trial.opinion, previous, error),
    };
    windows.save(window.number, { ...state, trials, ...(powered ? { powered } : {}) });
  }

  private closeIfVoid(manifest: ClassifyManifest): boolean {
    const found = this.verdict(manifest);
    if (found.status !== "void") return false;
    const { targetRisk } = manifest.thin.rule;
    const [mean, lower] = [found.mean ?? 0, found.lower].map((value) => value.toFixed(3));
    const reason = `error ${mean} (lower bound ${lower}) is above the target ${targetRisk}`;
    const { version } = manifest;
    const current = this.needs.windows.current(version) as RegionWindow;
    this.needs.windows.close(current.number, reason);
    const at = this.needs.trials.lastAskedAt(version) ?? current.state.from;
    const least = leastInclusionProbability(manifest);
    this.open(version, nextWindow(current.state, at, least, poweredPlan(manifest)));
    return true;
  }

  private window(manifest: ClassifyManifest, at: number): RegionWindow {
    const { version } = manifest;
    const current = this.needs.windows.current(version);
    const [least, powered] = [leastInclusionProbability(manifest), poweredPlan(manifest)];
    if (!current) this.open(version, firstWindow(at, least, powered));
    else if (!isWithin(current.state, least, powered)) {
      this.needs.windows.close(current.number, null);
      this.open(version, nextWindow(current.state, at, least, powered));
    }
    return this.needs.windows.current(version) as RegionWindow;
  }

  private open(version: number, state: CertificateWindow): void {
    this.needs.windows.open(version, state, this.needs.trials.last());
  }
}

/** Adds a trial to a window. Its prediction comes from what was counted before it. */
function counted(state: CertificateWindow, trial: TrialRow): { state: CertificateWindow; predicted: number } {
  // A label that never came may have been an error.
  const error = (trial.error ?? 1) as Outcome;
  const { inclusionProbability, opinion } = trial;
  const trials = trial.planned ? addTrial(state.trials, { inclusionProbability, error }) : state.trials;
  const { powered } = state;
  if (!powered) return { state: { ...state, trials }, predicted: 0 };
  const predicted = predictedError(powered.fit, opinion);
  const capital = addPowered(powered.capital, poweredTrial(trial, predicted));
  const isLearned = trial.planned && trial.opinionShare !== null;
  const fit = isLearned ? learnOpinion(powered.fit, opinion, error) : powered.fit;
  return { state: { ...state, trials, powered: { capital, fit } }, predicted };
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

function poweredPlan({ policy, thin }: ClassifyManifest): PoweredPlan | null {
  if (!asksOpinions(policy)) return null;
  const { targetRisk } = thin.rule;
  return { targetRisk, minPlannedShare: policy.auditShare, maxOpinionShare: maxOpinionShareOf(policy) };
}

function reasonOf({ status, mean, bound, labelsNeeded }: Verdict, targetRisk: number): string {
  if (status === "valid") return `error at most ${bound.toFixed(3)}`;
  if (mean === null) return "no label of an accepted question yet";
  const needed =
    labelsNeeded === null
      ? "cannot be certified: the error is above the target"
      : `${labelsNeeded} more labels are needed`;
  return `error ${mean.toFixed(3)}, at most ${bound.toFixed(3)}; the target is ${targetRisk}; ${needed}`;
}

const dayMs = 24 * 3600_000;

/** Estimates the day on which a pending certificate has its labels, at the rate at which they came so far. */
function expectedDay(known: {
  labels: number;
  labelsNeeded: number | null;
  from: number;
  newest: number;
}): string | null {
  const { labels, labelsNeeded, from, newest } = known;
  if (!labelsNeeded || labels === 0) return null;
  const perLabel = Math.max(dayMs, newest - from) / labels;
  const at = newest + labelsNeeded * perLabel;
  return at < 8.64e15 ? day(at) : null;
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
