import { aimFor, updateThreshold } from "#core/confidence/control.ts";
import { addTrial, correctTrial, type Outcome } from "#core/confidence/trials.ts";
import { type CertificateWindow, firstWindow, nextWindow, type Verdict, verdict } from "#core/confidence/window.ts";
import {
  type CertificateState,
  type ClassifyManifest,
  type LabelSource,
  questionKeepMs,
  type Rule,
} from "#core/contract/index.ts";
import type { Heads } from "../tables/heads.ts";
import type { Thresholds } from "../tables/thresholds.ts";
import type { PlannedLabel, PlannedLabels } from "../tables/trials.ts";
import type { RegionWindow, Windows } from "../tables/windows.ts";

/** How long a planned label may take; a later one counts as an error until it arrives. */
export const labelDueMs = 14 * 24 * 3600_000;
/** The least change of a threshold that is published to the edge. */
const publishedThresholdStep = 0.01;

/** A labelled question, with what was recorded when it was asked. */
export interface LabelledQuestion {
  id: string;
  accepted: boolean;
  /** The label that the rung put first. */
  prediction: string;
  label: string;
  source: LabelSource;
  inclusionProbability: number;
}

/** What the live rule reads and writes. */
interface LiveRuleNeeds {
  region: string;
  heads: Pick<Heads, "current">;
  windows: Windows;
  trials: PlannedLabels;
  thresholds: Thresholds;
}

/** The region's accept rule: each label moves its threshold and counts in its certificate. */
export class LiveRule {
  private readonly needs: LiveRuleNeeds;

  constructor(needs: LiveRuleNeeds) {
    this.needs = needs;
  }

  /** Records a question: a trial where a label is planned, a count where the question was escalated. */
  recordQuestion(
    manifest: ClassifyManifest,
    question: { id: string; at: number; accepted: boolean; prediction: string; inclusionProbability: number },
  ): void {
    const { windows, trials } = this.needs;
    const window = this.window(manifest, question.at);
    const { id, at, accepted, prediction, inclusionProbability } = question;
    if (!accepted) windows.countEscalated(window.number);
    else if (inclusionProbability > 0) {
      const dueAt = Date.now() + labelDueMs;
      trials.add({ id, at, prediction, inclusionProbability, base: manifest.version, dueAt });
    }
  }

  /**
   * Records a label under the version that was asked. The first label moves the threshold; the certificate counts labels in
   * the order of asking.
   */
  recordLabel(manifest: ClassifyManifest, labelled: LabelledQuestion, isFirst: boolean): void {
    const { windows, trials, thresholds } = this.needs;
    const { version } = manifest;
    const isRight = labelled.prediction === labelled.label;
    if (labelled.accepted) windows.noteSource(windows.current(version)?.number ?? 0, labelled.source);
    const trial = labelled.accepted ? trials.find(labelled.id) : null;
    if (trial) this.setError(trial, isRight ? 0 : 1);
    this.advance(manifest);
    if (!isFirst || (labelled.accepted && !trial)) return;
    const { targetRisk } = manifest.thin.rule;
    const { threshold: start, strictest } = this.publishedRule(manifest);
    const settings = {
      aim: aimFor(this.verdict(manifest), targetRisk),
      floor: 1 / manifest.labels.length,
      ceiling: Math.min(1, strictest),
      minInclusionProbability: minInclusionProbability(manifest),
    };
    const from = thresholds.get(version) ?? start;
    const { accepted, inclusionProbability } = labelled;
    const isControlled = manifest.policy.learning.includes("control");
    const next = isControlled
      ? updateThreshold(from, { accepted, right: isRight, inclusionProbability }, settings)
      : from;
    // Until a label has moved it, the threshold is that of the head in use: a new head has its own.
    if (accepted || next !== from) thresholds.set(version, next);
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

  /** Counts trials in the order of asking, up to the first whose label may still come. Closes a window that is void. */
  advance(manifest: ClassifyManifest): void {
    const { windows, trials } = this.needs;
    // A corrected label may have made it void.
    this.closeIfVoid(manifest);
    for (const trial of trials.countable(manifest.version, Date.now())) {
      const current = this.window(manifest, trial.at);
      if (trial.number <= current.afterTrial) {
        trials.skip(trial.number);
        continue;
      }
      // A label that never came may have been an error.
      const error = (trial.error ?? 1) as Outcome;
      const counted = addTrial(current.state.trials, { inclusionProbability: trial.inclusionProbability, error });
      trials.setCounted(trial.number, current.number);
      windows.save(current.number, { ...current.state, trials: counted });
      windows.noteNewest(current.number, trial.at);
      this.closeIfVoid(manifest);
    }
  }

  /** Returns the rule that the region serves by; null until a label has moved it. */
  rule(manifest: ClassifyManifest): Rule | null {
    const threshold = this.needs.thresholds.get(manifest.version);
    if (threshold === null) return null;
    const { targetRisk, delta } = manifest.thin.rule;
    const { strictest } = this.publishedRule(manifest);
    const state = this.state(manifest);
    if (!state) return null;
    const { status, bound, labels, labelsNeeded, coverage, confidence, reason, window } = state;
    const fixed = { threshold, strictest, targetRisk, delta };
    if (status !== "valid") {
      const shown = status === "void" ? ("void" as const) : ("pending" as const);
      return { ...fixed, certificate: null, uncertified: { status: shown, reason, labels, labelsNeeded } };
    }
    const { from, to } = window;
    const source = this.needs.windows.current(manifest.version)?.source ?? "truth";
    const certificate = {
      targetRisk,
      confidence,
      bound,
      coverage,
      labels,
      source,
      scope: this.needs.region,
      window: { from, to },
    };
    return { ...fixed, certificate, uncertified: null };
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
    const window = { number: current.state.number, from: day(from), to: day(current.newest ?? from) };
    const confidence = 1 - delta;
    const coverage = asked > 0 ? accepted / asked : 0;
    const { bound, lower, mean, labels, labelsNeeded } = found;
    return { status, targetRisk, confidence, bound, lower, mean, coverage, labels, labelsNeeded, window, reason };
  }

  /** Returns the rule if it differs enough from the one that the edge has; null otherwise. */
  ruleToPublish(manifest: ClassifyManifest): Rule | null {
    const rule = this.rule(manifest);
    const published = this.needs.thresholds.published(manifest.version);
    return rule && (!published || differs(rule, published)) ? rule : null;
  }

  /** Records the rule that the edge received. */
  setPublished(manifest: ClassifyManifest, rule: Rule): void {
    this.needs.thresholds.setPublished(manifest.version, rule);
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

  private setError(trial: PlannedLabel, error: Outcome): void {
    const { windows, trials } = this.needs;
    trials.setError(trial.id, error);
    if (trial.window === null) return;
    const counted = windows.get(trial.window);
    const previous = (trial.error ?? 1) as Outcome;
    if (!counted || previous === error) return;
    const corrected = correctTrial(counted.state.trials, trial.inclusionProbability, previous, error);
    windows.save(trial.window, { ...counted.state, trials: corrected });
  }

  private closeIfVoid(manifest: ClassifyManifest): void {
    const found = this.verdict(manifest);
    if (found.status !== "void") return;
    const { targetRisk } = manifest.thin.rule;
    const [mean, lower] = [found.mean ?? 0, found.lower].map((value) => value.toFixed(3));
    const reason = `error ${mean} (lower bound ${lower}) is above the target ${targetRisk}`;
    const { version } = manifest;
    const current = this.needs.windows.current(version) as RegionWindow;
    this.needs.windows.close(current.number, reason);
    this.open(version, nextWindow(current.state, this.needs.trials.lastAskedAt(version) ?? current.state.from));
    this.needs.thresholds.set(manifest.version, this.publishedRule(manifest).strictest);
  }

  /** Returns the rule that was published with the head in use. */
  private publishedRule(manifest: ClassifyManifest): Rule {
    return this.needs.heads.current(manifest.version)?.rule ?? manifest.thin.rule;
  }

  private verdict(manifest: ClassifyManifest): Verdict {
    const { targetRisk, delta } = manifest.thin.rule;
    const window =
      this.needs.windows.current(manifest.version)?.state ?? firstWindow(0, minInclusionProbability(manifest));
    return verdict(window, { targetRisk, delta });
  }

  private window(manifest: ClassifyManifest, at: number): RegionWindow {
    const { version } = manifest;
    const current = this.needs.windows.current(version);
    const least = minInclusionProbability(manifest);
    if (!current) this.open(version, firstWindow(at, least));
    else if (current.state.trials.minInclusionProbability > least) {
      this.needs.windows.close(current.number, null);
      this.open(version, nextWindow(current.state, at, least));
    }
    return this.needs.windows.current(version) as RegionWindow;
  }

  private open(version: number, state: CertificateWindow): void {
    this.needs.windows.open(version, state, this.needs.trials.last());
  }
}

/** Returns the least inclusion probability that the policy records for an accepted question. */
function minInclusionProbability({ policy }: ClassifyManifest): number {
  return policy.truth === "complete" || policy.auditShare === 0 ? 1 : policy.auditShare;
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

function differs(next: Rule, published: Rule): boolean {
  const isOther = (next.certificate === null) !== (published.certificate === null);
  const isVoid = next.uncertified?.status !== published.uncertified?.status;
  // However small the step: between closed and open lie all the questions that could earn the certificate.
  const isClosed = ({ threshold, strictest }: Rule) => threshold > strictest;
  return (
    isOther ||
    isVoid ||
    isClosed(next) !== isClosed(published) ||
    Math.abs(next.threshold - published.threshold) >= publishedThresholdStep
  );
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
