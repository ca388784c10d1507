import { canonicalJson } from "#core/canonical.ts";
import { auditUnit, isAudited } from "#core/confidence/audit.ts";
import { plannedShareOf } from "#core/confidence/canary.ts";
import type { Route } from "#core/confidence/escalation.ts";
import { wholeGroupKey } from "#core/confidence/splits.ts";
import { type ClassifyManifest, type Question, questionKeepMs, type Reading } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { quantise } from "#core/head/embedding.ts";
import type { OwnerLimits, ReachedLimit } from "#core/limits/limits.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { restricts } from "#core/rung/candidates.ts";
import type { Hop } from "#core/rung/rung.ts";
import { taskOf } from "#core/task/index.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { AskRefusal, IncomingQuestion } from "../api.ts";
import type { Certificates } from "../labels/certificates.ts";
import type { Splitting } from "../labels/splitting.ts";
import type { CanaryAnswer, CanaryAnswers } from "../tables/canary-answers.ts";
import type { CanaryHeads } from "../tables/canary-heads.ts";
import type { Heads } from "../tables/heads.ts";
import type { NewQuestion, Questions } from "../tables/questions.ts";
import { opinionsOf, provisionalAnswer } from "./answers.ts";
import type { NextRung } from "./next-rung.ts";
import type { Settlement } from "./settlement.ts";
import type { Worth } from "./worth.ts";

/** When a caller with as many open questions as it may have tries again: rungs above answer within seconds. */
const openRetryMs = 5_000;

/** Everything that is recorded of a question when it arrives. */
export interface IntakeRecord extends NewQuestion {
  /** The share of accepted questions about which the rung above is asked, and whether it is asked about this one. */
  opinionShare: number;
  isOpinionDrawn: boolean;
  /** Whether a coin has planned the label of an accepted question. */
  planned: boolean;
  /** Whether candidates leave out a label: then nothing counts it that certifies, controls or compares. */
  isRestricted: boolean;
  /** Whether the certificate leaves it out: its label is left to a caller that is not trusted. */
  isUncounted: boolean;
  /** The edge's own answer, where a watched canary is compared on it. */
  canaryAnswer: CanaryAnswer | null;
}

/** Hashes of a question: of its instance, and of its instance with candidates that restrict. */
interface Hashes {
  content: string;
  payload: string;
}

/** What is the same for all questions of a call. */
interface Known {
  /** How the scores of the region's head are read as numbers. */
  reading: Reading | undefined;
  routeOf: (id: string) => Route | null;
  /** Whether a watched canary is compared on them. */
  isCompared: boolean;
}

/** What the intake reads and changes. */
interface IntakeNeeds {
  splitSecret: string;
  splitting: Splitting;
  questions: Pick<Questions, "findAll" | "insert" | "open">;
  heads: Pick<Heads, "current">;
  settlement: Pick<Settlement, "settle">;
  certificates: Pick<Certificates, "recordQuestions">;
  nextRung: Pick<NextRung, "isPresent">;
  worth: Pick<Worth, "router" | "countUnasked">;
  canary: Pick<CanaryAnswers, "otherOf" | "record">;
  canaryHeads: Pick<CanaryHeads, "keepCurrent">;
  jobs: Pick<Jobs, "bringForward">;
  transaction: <T>(work: () => T) => T;
}

/** Records and stores questions that arrive. */
export class Intake {
  private readonly needs: IntakeNeeds;

  constructor(needs: IntakeNeeds) {
    this.needs = needs;
  }

  /** Computes everything that is recorded of questions. None of it can be added later. */
  async recordsOf(
    manifest: ClassifyManifest,
    arrivals: readonly IncomingQuestion[],
    hop: Hop,
  ): Promise<IntakeRecord[]> {
    const { nextRung, worth, heads, canary } = this.needs;
    const known: Known = {
      reading: heads.current(manifest.version)?.reading,
      routeOf: nextRung.isPresent(manifest) ? worth.router(manifest) : () => null,
      isCompared: canary.otherOf(manifest.version) !== null,
    };
    // Long ones are hashed by WebCrypto.
    const contents = await Promise.all(arrivals.map(({ question }) => sha256Hex(canonicalJson(question.instance))));
    const payloads = await Promise.all(
      arrivals.map(({ question: { instance, candidates = null } }, i) => {
        if (!restricts(manifest.labels, candidates)) return contents[i] as string;
        return sha256Hex(canonicalJson({ instance, candidates: candidates.toSorted() }));
      }),
    );
    return arrivals.map((arrival, i) => {
      const hashes = { content: contents[i] as string, payload: payloads[i] as string };
      return this.recordOf(manifest, arrival, hashes, hop, known);
    });
  }

  private recordOf(
    manifest: ClassifyManifest,
    { question, answer, opinionShare: given }: IncomingQuestion,
    { content, payload }: Hashes,
    { owner, traceparent, limits, trusted = true }: Hop,
    { reading, routeOf, isCompared }: Known,
  ): IntakeRecord {
    const { splitSecret, splitting } = this.needs;
    const { id, instance, at, inference, candidates = null, top = null } = question;
    const { policy, thin, version } = manifest;
    const isRestricted = restricts(manifest.labels, candidates);
    const now = Date.now();
    const { sha256, embedding } = thin.backbone;
    const provisional = provisionalAnswer(manifest, question, reading);
    // The semantic cache accepts as the edge does. An answer that only lacks a certificate was accepted as well.
    const accepted = answer?.rung === "region" || (inference?.accepted ?? answer?.accepted ?? false);
    const isComplete = policy.truth === "complete";
    // No label that may judge is to be expected: it would count as late, and so as an error.
    const isUncounted = isComplete && !trusted;
    const drawn = answer === null ? routeOf(id) : null;
    // Nothing compares the rungs on a restricted question.
    const route = isRestricted && drawn === "explore" ? "keep" : drawn;
    // One coin decides both, so that a label is planned only where an opinion is drawn. It plans labels that compare the
    // rungs as well, before either answer is known.
    const opinionShare = Math.max(policy.auditShare, given ?? 0);
    const coin = !isComplete && opinionShare > 0 ? auditUnit(splitSecret, id) : 1;
    const planned = accepted && !isUncounted && (isComplete || coin < policy.auditShare);
    const isAudit = (accepted || (route !== null && !isRestricted)) && coin < policy.auditShare;
    const isOpinionDrawn = accepted && !isRestricted && coin < opinionShare && opinionShare > policy.auditShare;
    const { split, fold, groupKey } = splitting.assign(manifest, { id, instance, at, content });
    const isKept = policy.keepInputs || answer === null || isAudit || isOpinionDrawn;
    const canaryAnswer =
      !isCompared || isRestricted || isUncounted ? null : this.canaryAnswerOf(manifest, question, { groupKey, isKept });
    // Every explored question is labelled.
    const audited = isAudit || (route === "explore" && !isComplete);
    return {
      id,
      owner,
      base: version,
      // The instance is needed only where a label may follow.
      instance: isKept || canaryAnswer ? instance : null,
      payload,
      embedding:
        inference?.backbone === sha256
          ? { backbone: sha256, vector: quantise(inference.embedding, embedding.step) }
          : null,
      at,
      receivedAt: now,
      expiresAt: now + questionKeepMs,
      accepted,
      audited,
      reviewAt: audited && policy.ladder.includes("human") ? now : null,
      ...{ opinionShare, isOpinionDrawn, planned, route, candidates, top, isRestricted, isUncounted },
      // Every escalated question is labelled; of the accepted ones, the audit share, or all where every truth arrives.
      inclusionProbability: !accepted || isComplete ? 1 : policy.auditShare,
      split,
      fold,
      groupKey,
      prediction: (answer ?? provisional).label,
      answer: answer ?? provisional,
      // While the rungs above are asked nothing waits for its time.
      escalateAt: null,
      // Only a person reads them.
      opinions: answer === null || isAudit ? opinionsOf(manifest, question, provisional, answer) : [],
      traceparent: traceparent ?? null,
      reviewLimit: limits?.reviewQuestions ?? null,
      canaryAnswer,
    };
  }

  /** Returns the edge's own answer, where a canary is watched and a coin plans the label; null otherwise. */
  private canaryAnswerOf(
    manifest: ClassifyManifest,
    { id, inference }: Question,
    { groupKey, isKept }: { groupKey: string; isKept: boolean },
  ): CanaryAnswer | null {
    const { version: base, labels, policy, thin } = manifest;
    if (inference?.backbone !== thin.backbone.sha256 || inference.scores.length !== labels.length) return null;
    const inclusionProbability = plannedShareOf(policy);
    if (inclusionProbability < 1 && !isAudited(this.needs.splitSecret, id, inclusionProbability)) return null;
    const { version, accepted, scores } = inference;
    const prediction = taskOf(manifest).read(scores).label;
    const known = { base, version, accepted, prediction, inclusionProbability };
    return { ...known, groupKey: wholeGroupKey(groupKey), isBorrowed: !isKept };
  }

  /**
   * Stores new questions, all or none, and returns their ids. A known id with another payload or owner is a conflict. More open
   * questions than the owner may have are refused.
   */
  store(
    manifest: ClassifyManifest,
    records: readonly IntakeRecord[],
    limits?: OwnerLimits,
  ): Result<Set<string>, AskRefusal> {
    const { questions, settlement, transaction } = this.needs;
    return transaction(() => {
      const known = questions.findAll(records.map(({ id }) => id));
      const conflict = records.find(({ payload, owner }, i) => {
        const before = known[i];
        return before && (before.payload !== payload || before.owner !== owner);
      });
      if (conflict) return fail({ kind: "conflict", id: conflict.id });
      const fresh = new Map<string, IntakeRecord>();
      for (const [i, record] of records.entries()) {
        if (!known[i] && !fresh.has(record.id)) fresh.set(record.id, record);
      }
      const reached = limits && this.reachedBy([...fresh.values()], limits.openQuestions);
      if (reached) return fail({ kind: "limited", limit: reached });
      for (const [i, { answer }] of records.entries()) {
        if (known[i] && answer.status === "answered") settlement.settle(manifest, answer);
      }
      this.add(manifest, [...fresh.values()]);
      return ok(new Set(fresh.keys()));
    });
  }

  private add(manifest: ClassifyManifest, fresh: readonly IntakeRecord[]): void {
    const { questions, certificates, worth, jobs } = this.needs;
    for (const record of fresh) {
      questions.insert(record);
      this.recordForCanary(record);
    }
    const counted = fresh.filter(({ isRestricted, isUncounted }) => !isRestricted && !isUncounted);
    if (counted.length > 0) certificates.recordQuestions(manifest, counted);
    const unasked = fresh.filter(({ route }) => route === "keep").length;
    if (unasked > 0) worth.countUnasked(manifest, unasked);
    if (fresh.some(({ isOpinionDrawn }) => isOpinionDrawn)) jobs.bringForward("opinions", "", Date.now());
    if (fresh.some(({ reviewAt }) => reviewAt !== null)) jobs.bringForward("review", "", Date.now());
  }

  private reachedBy(fresh: readonly IntakeRecord[], max: number): ReachedLimit | null {
    const more = fresh.filter(({ answer }) => answer.status === "open").length;
    const [first] = fresh;
    if (!first || more === 0 || this.needs.questions.open.hasRoom(first.owner, more, max)) return null;
    return { name: "openQuestions", max, retryAfterMs: openRetryMs };
  }

  private recordForCanary({ id, canaryAnswer }: IntakeRecord): void {
    const { canary, canaryHeads } = this.needs;
    const other = canaryAnswer && canary.otherOf(canaryAnswer.base);
    if (canaryAnswer && other !== null) canary.record(id, canaryAnswer, canaryHeads.keepCurrent(other));
  }
}
