import { aimFor, updateThreshold } from "#core/confidence/control.ts";
import { addTrial, correctTrial, type Outcome } from "#core/confidence/trials.ts";
import { firstWindow, nextWindow, type Verdict, verdict } from "#core/confidence/window.ts";
import {
  type CertificateState,
  type ClassifyManifest,
  type LabelSource,
  questionKeepMs,
  type Rule,
} from "#core/contract/index.ts";
import type { Heads } from "../tables/heads.ts";
import { type PlannedLabel, type RegionWindow, Windows } from "../tables/windows.ts";

/** How long a planned label may take; a later one counts as an error until it arrives. */
export const labelDueMs = 14 * 24 * 3600_000;
/** The least change of a threshold that is published to the edge. */
const publishedThresholdStep = 0.01;

/** A question whose label came, as the rule saw it when it was asked. */
export interface LabelledQuestion {
  id: string;
  accepted: boolean;
  /** What the rung made of it, and what it turned out to be. */
  prediction: string;
  label: string;
  source: LabelSource;
  inclusionProbability: number;
}

/** The region's accept rule as its own labels move it, and what they prove of it. */
export class LiveRule {
  private readonly windows: Windows;
  private readonly region: string;
  private readonly heads: Heads;

  constructor(sql: SqlStorage, region: string, heads: Heads) {
    this.windows = new Windows(sql);
    this.region = region;
    this.heads = heads;
  }

  /** Records what was asked: a trial where a label is planned, a count where it was escalated. */
  asked(
    manifest: ClassifyManifest,
    question: { id: string; at: number; accepted: boolean; prediction: string; inclusionProbability: number },
  ): void {
    const window = this.window(manifest, question.at);
    const { id, at, accepted, prediction, inclusionProbability } = question;
    if (!accepted) this.windows.countEscalated(window.number);
    else if (inclusionProbability > 0)
      this.windows.addTrial({
        id,
        at,
        prediction,
        inclusionProbability,
        base: manifest.version,
        dueAt: Date.now() + labelDueMs,
      });
  }

  /** Takes a label, by the manifest of the version that was asked: its threshold follows it once, the certificate counts it in the order of asking. */
  labelled(manifest: ClassifyManifest, judged: LabelledQuestion, isFirst: boolean): void {
    const isRight = judged.prediction === judged.label;
    if (judged.accepted) this.windows.noteSource(this.windows.current(manifest.version)?.number ?? 0, judged.source);
    const trial = judged.accepted ? this.windows.trial(judged.id) : null;
    if (trial) this.settle(trial, isRight ? 0 : 1);
    this.advance(manifest);
    if (!isFirst || (judged.accepted && !trial)) return;
    const { targetRisk } = manifest.thin.rule;
    const { threshold: start, strictest } = this.published(manifest);
    const settings = {
      aim: aimFor(this.verdict(manifest), targetRisk),
      floor: 1 / manifest.labels.length,
      ceiling: Math.min(1, strictest),
      minInclusionProbability: minInclusionProbability(manifest),
    };
    const from = this.windows.threshold(manifest.version) ?? start;
    const label = { accepted: judged.accepted, right: isRight, inclusionProbability: judged.inclusionProbability };
    const isMoved = manifest.policy.learning.includes("control");
    const next = isMoved ? updateThreshold(from, label, settings) : from;
    // Until a label has moved it, the threshold is that of the head in use: a new head brings its own.
    if (judged.accepted || next !== from) this.windows.setThreshold(manifest.version, next);
  }

  /** Whether another version has a certificate, older than this one's, that it may go on with. */
  mayInherit(base: number): boolean {
    return this.windows.before(base, null) !== null;
  }

  /**
   * A version that takes the place of the one before goes on with its certificate: what was accepted under it is still
   * what the region accepted, and each question was judged by the rule in force when it was asked. What a version has
   * earned as a canary ends with that. The threshold is its head's own.
   */
  inherit(base: number, canary: number | null): void {
    const from = this.windows.before(base, canary);
    if (from !== null) this.windows.inherit(base, from);
  }

  /** Counts trials in the order of asking, as far as their labels are there or overdue; opens a new window on proof. */
  advance(manifest: ClassifyManifest): void {
    // A label that was corrected may have proven it.
    this.fallIfVoid(manifest);
    for (const trial of this.windows.waiting(manifest.version, Date.now())) {
      const current = this.window(manifest, trial.at);
      if (trial.number <= current.afterTrial) {
        this.windows.skip(trial.number);
        continue;
      }
      // A label that never came may have been an error.
      const counted = addTrial(current.window.trials, {
        inclusionProbability: trial.inclusionProbability,
        error: (trial.error ?? 1) as Outcome,
      });
      this.windows.count(trial, current.number, { ...current.window, trials: counted });
      this.fallIfVoid(manifest);
    }
  }

  /** The rule that the region serves by; null while no label has moved it. */
  rule(manifest: ClassifyManifest): Rule | null {
    const threshold = this.windows.threshold(manifest.version);
    if (threshold === null) return null;
    const { targetRisk, delta } = manifest.thin.rule;
    const { strictest } = this.published(manifest);
    const state = this.state(manifest);
    if (!state) return null;
    const { status, bound, labels, labelsNeeded, coverage, confidence, reason, window } = state;
    const fixed = { threshold, strictest, targetRisk, delta };
    if (status !== "valid") {
      const shown = status === "void" ? ("void" as const) : ("pending" as const);
      return { ...fixed, certificate: null, uncertified: { status: shown, reason, labels, labelsNeeded } };
    }
    const { from, to } = window;
    const source = this.windows.current(manifest.version)?.source ?? "truth";
    const certificate = {
      targetRisk,
      confidence,
      bound,
      coverage,
      labels,
      source,
      scope: this.region,
      window: { from, to },
    };
    return { ...fixed, certificate, uncertified: null };
  }

  /** What the labels of the present window prove; null before the first question. */
  state(manifest: ClassifyManifest): CertificateState | null {
    const current = this.windows.current(manifest.version);
    if (!current) return null;
    const { targetRisk, delta } = manifest.thin.rule;
    const found = this.verdict(manifest);
    const { trials, from } = current.window;
    const broken = this.windows.lastReason(manifest.version);
    const isBroken = found.status === "pending" && broken !== null;
    const status = isBroken ? "void" : found.status;
    const reason = isBroken ? broken : reasonOf(found, targetRisk);
    // Whether a label has come yet says nothing of what was accepted.
    const accepted = trials.weight + this.windows.waitingWeight(manifest.version, current.afterTrial);
    const asked = accepted + current.escalated;
    const window = { number: current.window.number, from: day(from), to: day(current.newest ?? from) };
    const confidence = 1 - delta;
    const coverage = asked > 0 ? accepted / asked : 0;
    const { bound, lower, mean, labels, labelsNeeded } = found;
    return { status, targetRisk, confidence, bound, lower, mean, coverage, labels, labelsNeeded, window, reason };
  }

  /** The rule where the edge should hear of it; null where it knows it well enough. */
  ruleChange(manifest: ClassifyManifest): Rule | null {
    const rule = this.rule(manifest);
    const published = this.windows.published(manifest.version);
    return rule && (!published || isWorthPublishing(rule, published)) ? rule : null;
  }

  /** Records the rule that the registry has now. */
  setPublished(manifest: ClassifyManifest, rule: Rule): void {
    this.windows.setPublished(manifest.version, rule);
  }

  /** The versions that labels are planned for, or overdue. */
  basesWaiting(): number[] {
    return this.windows.basesWaiting();
  }

  /** When the next planned label is overdue; null where none is. */
  nextDue(): number | null {
    return this.windows.nextDue();
  }

  expire(): void {
    this.windows.expire(Date.now() - questionKeepMs);
  }

  /** What stays of a forgotten question: a trial whose label came keeps counting, without its name. */
  forget(id: string): void {
    this.windows.forget(id);
  }

  private settle(trial: PlannedLabel, error: Outcome): void {
    this.windows.setError(trial.id, error);
    if (trial.window === null) return;
    const counted = this.windows.get(trial.window);
    const was = (trial.error ?? 1) as Outcome;
    if (!counted || was === error) return;
    const trials = correctTrial(counted.window.trials, trial.inclusionProbability, was, error);
    this.windows.save(trial.window, { ...counted.window, trials });
  }

  private fallIfVoid(manifest: ClassifyManifest): void {
    const found = this.verdict(manifest);
    if (found.status !== "void") return;
    const { targetRisk } = manifest.thin.rule;
    const [mean, lower] = [found.mean ?? 0, found.lower].map((value) => value.toFixed(3));
    const reason = `error ${mean} (lower bound ${lower}) is above the target ${targetRisk}`;
    const { version } = manifest;
    const current = this.windows.current(version) as RegionWindow;
    this.windows.close(current.number, reason);
    this.windows.open(version, nextWindow(current.window, this.windows.lastAskedAt(version) ?? current.window.from));
    this.windows.setThreshold(manifest.version, this.published(manifest).strictest);
  }

  /** The rule that the head in use on a version was published with. */
  private published(manifest: ClassifyManifest): Rule {
    return this.heads.current(manifest.version)?.rule ?? manifest.thin.rule;
  }

  private verdict(manifest: ClassifyManifest): Verdict {
    const { targetRisk, delta } = manifest.thin.rule;
    const window = this.windows.current(manifest.version)?.window ?? firstWindow(0, minInclusionProbability(manifest));
    return verdict(window, { targetRisk, delta });
  }

  private window(manifest: ClassifyManifest, at: number): RegionWindow {
    const { version } = manifest;
    const current = this.windows.current(version);
    const least = minInclusionProbability(manifest);
    if (!current) this.windows.open(version, firstWindow(at, least));
    else if (current.window.trials.minInclusionProbability > least) {
      this.windows.close(current.number, null);
      this.windows.open(version, nextWindow(current.window, at, least));
    }
    return this.windows.current(version) as RegionWindow;
  }
}

/** Returns the smallest inclusion probability that the policy records for an accepted question. */
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
  return `error ${mean.toFixed(3)}, at most ${bound.toFixed(3)}, where ${targetRisk} is the target; ${needed}`;
}

function isWorthPublishing(next: Rule, published: Rule): boolean {
  const isOther = (next.certificate === null) !== (published.certificate === null);
  const isVoid = next.uncertified?.status !== published.uncertified?.status;
  // Between closed and open lie all the questions that could earn the certificate, however small the step.
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
