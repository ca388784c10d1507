import { dayOf, expectedDay, verdictReason } from "#core/confidence/certificate-text.ts";
import { isGrouped, ownDelta } from "#core/confidence/group.ts";
import { predictedError, type SecondOpinion } from "#core/confidence/opinion.ts";
import type { Outcome } from "#core/confidence/trials.ts";
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
import type { GroupWindows } from "../tables/group-windows.ts";
import type { PlannedLabels, TrialRow } from "../tables/trials.ts";
import type { RegionWindow, Windows } from "../tables/windows.ts";
import { corrected, counted, leastInclusionProbability, poweredPlan } from "./counting.ts";

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
  groups: GroupWindows;
}

/** What labels and opinions prove about the error of the answers that the region's rule accepts, by version. */
export class Certificates {
  private readonly needs: CertificateNeeds;

  constructor(needs: CertificateNeeds) {
    this.needs = needs;
  }

  /** Records questions: a trial where a label is planned or an opinion is drawn, a count of those that were escalated. */
  recordQuestions(manifest: ClassifyManifest, questions: readonly CountedQuestion[]): void {
    const { windows, groups } = this.needs;
    const [first] = questions;
    if (!first) return;
    const window = windows.toCount(manifest.version, () => this.window(manifest, first.at));
    const escalated = questions.filter(({ accepted }) => !accepted).length;
    if (escalated > 0) {
      windows.countEscalated(window.number, escalated);
      groups.countEscalated(manifest.version, escalated);
    }
    for (const question of questions) this.recordQuestion(manifest, question, window.isPowered);
  }

  private recordQuestion(manifest: ClassifyManifest, question: CountedQuestion, isPowered: boolean): void {
    const { id, at, accepted, prediction, inclusionProbability, planned, opinionShare, isOpinionDrawn } = question;
    const isAsked = isOpinionDrawn && opinionShare > inclusionProbability && isPowered;
    if (!accepted || (!planned && !isAsked)) return;
    const now = Date.now();
    this.needs.trials.add({
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
      const predicted = current.state.powered ? predictedError(current.state.powered.fit, trial.opinion) : 0;
      const group = this.countInGroup(manifest, trial, predicted);
      trials.setCounted(trial.number, { window: current.number, group, predicted });
      windows.save(current.number, counted(current.state, trial, predicted));
      windows.noteNewest(current.number, trial.at);
      isVoid = this.closeIfVoid(manifest) || isVoid;
    }
    return isVoid;
  }

  /** Returns whether another version has an older certificate that this version may inherit. */
  mayInherit(base: number): boolean {
    return this.needs.windows.isAnyBefore(base);
  }

  /**
   * Gives a version the certificate of the version that it replaces: both count what the region accepted, each question by
   * the rule in force when it was asked. The certificate that the version earned as a canary ends. Returns the version that
   * it replaces; null where there is none.
   */
  inherit(base: number, canary: number | null): number | null {
    const { windows, groups, trials } = this.needs;
    const from = windows.before(base, canary);
    if (from === null) return null;
    windows.inherit(base, from);
    groups.inherit(base, from);
    trials.inherit(base, from);
    return from;
  }

  verdict(manifest: ClassifyManifest): Verdict {
    const { targetRisk } = manifest.thin.rule;
    const open = this.needs.windows.current(manifest.version)?.state;
    return verdict(open ?? firstWindow(0, leastInclusionProbability(manifest), poweredPlan(manifest)), {
      targetRisk,
      delta: ownDelta(manifest),
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
    const reason = isBroken ? broken : verdictReason(found, targetRisk);
    // A waiting trial was accepted as well.
    const accepted = trials.weight + this.needs.trials.waitingWeight(manifest.version, current.afterTrial);
    const asked = accepted + current.escalated;
    const newest = current.newest ?? from;
    const window = { number: current.state.number, from: dayOf(from), to: dayOf(newest) };
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

  /**
   * Starts every certificate over, since labels that it has counted are forgotten. The next windows count later questions, and
   * spend less of δ, as after one that was proven wrong.
   */
  startOver(): void {
    const { windows, groups, trials } = this.needs;
    for (const { number, base, state } of windows.allOpen()) {
      windows.close(number, windows.lastReason(base));
      this.open(base, nextWindow(state, trials.lastAskedAt(base) ?? state.from));
    }
    for (const base of groups.bases()) {
      const { number, ...state } = groups.get(base) as CertificateWindow;
      const next = nextWindow({ number, ...state }, trials.lastAskedAt(base) ?? state.from);
      groups.open(base, { ...next, number });
    }
  }

  /** Starts the region's part in its group's certificate over, where the group has been proven wrong. */
  startGroup(manifest: ClassifyManifest, number: number): void {
    const { groups, trials } = this.needs;
    const known = groups.get(manifest.version);
    if (known && known.number >= number) return;
    const at = trials.lastAskedAt(manifest.version) ?? 0;
    groups.open(manifest.version, {
      ...firstWindow(at, leastInclusionProbability(manifest), poweredPlan(manifest)),
      number,
    });
  }

  private correct(trial: TrialRow, error: Outcome): void {
    const { windows, groups } = this.needs;
    const window = trial.window === null ? null : windows.get(trial.window);
    if (window) windows.save(window.number, corrected(window.state, trial, error));
    const group = groups.get(trial.base);
    if (group && group.number === trial.groupWindow) groups.save(trial.base, corrected(group, trial, error));
  }

  /** Adds a trial to the region's part in its group's certificate. Returns the window of the group; null without one. */
  private countInGroup(manifest: ClassifyManifest, trial: TrialRow, predicted: number): number | null {
    const { groups } = this.needs;
    const { version, policy } = manifest;
    if (!isGrouped(policy.regions)) return null;
    const [least, powered] = [leastInclusionProbability(manifest), poweredPlan(manifest)];
    const known = groups.get(version);
    // Another policy cannot be counted together with what was counted before.
    if (!known || !isWithin(known, least, powered)) {
      groups.open(version, { ...firstWindow(trial.at, least, powered), number: known?.number ?? 1 });
    }
    const state = groups.get(version) as CertificateWindow;
    groups.save(version, counted(state, trial, predicted));
    groups.noteNewest(version, trial.at);
    return state.number;
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
    if (current && isWithin(current.state, least, powered)) return current;
    if (!current) this.open(version, firstWindow(at, least, powered));
    else {
      this.needs.windows.close(current.number, null);
      this.open(version, nextWindow(current.state, at, least, powered));
    }
    return this.needs.windows.current(version) as RegionWindow;
  }

  private open(version: number, state: CertificateWindow): void {
    this.needs.windows.open(version, state, this.needs.trials.last());
  }
}
