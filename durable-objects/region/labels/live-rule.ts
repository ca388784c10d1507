import { aimFor, updateThreshold } from "#core/confidence/control.ts";
import { learnsFromAbove } from "#core/confidence/from-above.ts";
import type { CertificateState, ClassifyManifest, LabelSource, Rule } from "#core/contract/index.ts";
import { taskOf } from "#core/task/index.ts";
import type { Heads } from "../tables/heads.ts";
import type { Thresholds } from "../tables/thresholds.ts";
import type { Certificates } from "./certificates.ts";
import { leastInclusionProbability } from "./counting.ts";

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
  certificates: Certificates;
  thresholds: Thresholds;
}

/** The region's accept rule: each label moves its threshold. */
export class LiveRule {
  private readonly needs: LiveRuleNeeds;

  constructor(needs: LiveRuleNeeds) {
    this.needs = needs;
  }

  /**
   * Records a label under the version that was asked. The first label moves the threshold; the certificate counts labels in
   * the order of asking.
   */
  recordLabel(manifest: ClassifyManifest, labelled: LabelledQuestion, isFirst: boolean): void {
    const { certificates, thresholds } = this.needs;
    const { version } = manifest;
    const { id, accepted, source, inclusionProbability } = labelled;
    const task = taskOf(manifest);
    const isRight = task.isRight(labelled.prediction, labelled.label);
    const isCounted = accepted && certificates.recordLabel(manifest, { id, isRight, source });
    this.advance(manifest);
    if (!isFirst || (accepted && !isCounted)) return;
    const { targetRisk, classRisks = [], threshold: published } = manifest.thin.rule;
    const { threshold: start, strictest } = this.publishedRule(manifest);
    // The most likely of n labels has at least 1/n; a number may be certain to be far off.
    const least = task.kind === "classify" ? 1 / manifest.labels.length : 0;
    const { mean, upper } = certificates.verdict(manifest);
    const settings = {
      aim: aimFor({ mean, bound: upper }, targetRisk),
      // Labels of all classes cannot show that a laxer rule is right about a rare one.
      floor: classRisks.length > 0 ? Math.max(least, published) : least,
      ceiling: Math.min(1, strictest),
      minInclusionProbability: leastInclusionProbability(manifest),
    };
    const from = thresholds.get(version) ?? start;
    const isControlled = manifest.policy.learning.includes("control");
    const next = isControlled
      ? updateThreshold(from, { accepted, right: isRight, inclusionProbability }, settings)
      : from;
    // Until a label has moved it, the threshold is that of the head in use: a new head has its own.
    if (accepted || next !== from) thresholds.set(version, next);
  }

  /**
   * Gives a version what the version that it replaces has earned: its certificate, and its threshold unless the version has
   * one as a canary. Confidences are calibrated, so what labels said of one version's is the best start for the next. A
   * version that learns from the rung above starts with its own, which the origin has chosen by the audits of all regions.
   */
  inherit(manifest: ClassifyManifest, canary: number | null): void {
    const { certificates, thresholds } = this.needs;
    const { version: base } = manifest;
    const from = certificates.inherit(base, canary);
    const known = from === null || learnsFromAbove(manifest) ? null : thresholds.get(from);
    if (known !== null && thresholds.get(base) === null) thresholds.set(base, known);
  }

  /** Counts what has come. A window that is void closes the rule. */
  advance(manifest: ClassifyManifest): void {
    if (!this.needs.certificates.advance(manifest)) return;
    this.needs.thresholds.set(manifest.version, this.publishedRule(manifest).strictest);
  }

  /** Returns the rule that the region serves by; null until a label has moved it. */
  rule(manifest: ClassifyManifest): Rule | null {
    const threshold = this.needs.thresholds.get(manifest.version);
    if (threshold === null) return null;
    const { targetRisk, delta, perClass, classRisks } = manifest.thin.rule;
    const { strictest } = this.publishedRule(manifest);
    const state = this.state(manifest);
    if (!state) return null;
    const { status, bound, labels, labelsNeeded, coverage, confidence, reason, window, expected } = state;
    const fixed = {
      threshold,
      strictest,
      targetRisk,
      delta,
      ...(perClass ? { perClass } : {}),
      ...(classRisks ? { classRisks } : {}),
    };
    if (status !== "valid") {
      const shown = status === "void" ? ("void" as const) : ("pending" as const);
      const uncertified = { status: shown, reason, labels, labelsNeeded, ...(expected ? { expected } : {}) };
      return { ...fixed, certificate: null, uncertified };
    }
    const { from, to } = window;
    const certificate = {
      targetRisk,
      confidence,
      bound,
      coverage,
      labels,
      source: this.needs.certificates.source(manifest.version),
      scope: this.needs.region,
      window: { from, to },
    };
    return { ...fixed, certificate, uncertified: null };
  }

  /** Returns what the labels of the open window prove; null before the first question. */
  state(manifest: ClassifyManifest): CertificateState | null {
    return this.needs.certificates.state(manifest);
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

  /** Returns the rule that was published with the head in use. */
  private publishedRule(manifest: ClassifyManifest): Rule {
    return this.needs.heads.current(manifest.version)?.rule ?? manifest.thin.rule;
  }
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
