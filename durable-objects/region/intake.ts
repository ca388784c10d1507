import { canonicalJson } from "../../workers/core/canonical.ts";
import { deal, isAudited, splitKey } from "../../workers/core/confidence/folds.ts";
import type { Answer, ClassifyManifest, Question } from "../../workers/core/contract/index.ts";
import { sha256Hex } from "../../workers/core/hash.ts";
import { quantise } from "../../workers/core/head/embedding.ts";
import { limits } from "../../workers/core/limits.ts";
import type { Hop } from "../../workers/core/rung/rung.ts";
import { provisionalAnswer, thoughtsOf } from "./answers.ts";
import type { Tried } from "./canary.ts";
import type { RegionContext } from "./context.ts";
import type { NewQuestion } from "./questions.ts";
import { settle } from "./settle.ts";

/** A question on its way in: open when it climbs, or with the answer that the edge or recall gave. */
export interface Arrival {
  question: Question;
  answer: Answer | null;
}

export interface Conflict {
  kind: "conflict";
  id: string;
}

/** All that is recorded of a question on its way in. */
export interface Intake extends NewQuestion {
  /** What is counted of it for a watched canary. */
  tried: Tried | null;
}

/** Works out all that is recorded of a question when it is asked: it can't be added later. */
export async function recordOf(
  { env, region, canary }: RegionContext,
  manifest: ClassifyManifest,
  { question, answer }: Arrival,
  { asker, traceparent }: Hop,
  climbAt: number,
): Promise<Intake> {
  const { id, instance, at, made } = question;
  const { policy, thin, version } = manifest;
  const split = splitKey(policy.split, question);
  const now = Date.now();
  const { sha256, embedding } = thin.backbone;
  const provisional = provisionalAnswer(manifest, question);
  // Recall's answers are accepted as the edge's are; what only lacks a certificate was accepted all the same.
  const accepted = answer?.rung === "region" || (made?.accepted ?? answer?.sure ?? false);
  const isComplete = policy.truth === "complete";
  const isAudit = accepted && !isComplete && (await isAudited(env.FOLD_SECRET, id, policy.auditShare));
  const { fold, part } = await deal(env.FOLD_SECRET, region, split);
  return {
    id,
    asker,
    base: version,
    // Without a label to come, nothing needs the instance again.
    instance: policy.keepInputs || answer === null || isAudit ? instance : null,
    payload: await sha256Hex(canonicalJson(instance)),
    embedding:
      made?.backbone === sha256 ? { backbone: sha256, vector: quantise(made.embedding, embedding.step) } : null,
    at,
    receivedAt: now,
    expiresAt: now + limits.questionKeepMs,
    accepted,
    audited: isAudit,
    // What climbs is labelled for certain; of what is accepted, the audit's share, unless every truth will come.
    pi: !accepted || isComplete ? 1 : policy.auditShare,
    fold,
    part,
    split,
    picked: (answer ?? provisional).label,
    answer: answer ?? provisional,
    climbAt: answer === null ? climbAt : null,
    // Only a person reads them.
    thoughts: answer === null || isAudit ? thoughtsOf(manifest, question, answer) : [],
    traceparent: traceparent ?? null,
    tried: await canary.triedOf(env.FOLD_SECRET, manifest, question),
  };
}

/** Stores what is new, all or nothing; a known id with another payload, or of another asker, is a conflict. */
export function store(context: RegionContext, manifest: ClassifyManifest, records: readonly Intake[]): Conflict | null {
  const { questions, storage, jobs, rule, canary } = context;
  return storage.transactionSync(() => {
    const known = records.map(({ id }) => questions.find(id));
    const conflict = records.find(({ payload, asker }, i) => {
      const before = known[i];
      return before && (before.payload !== payload || before.asker !== asker);
    });
    if (conflict) return { kind: "conflict", id: conflict.id };
    const seen = new Set<string>();
    for (const [i, record] of records.entries()) {
      if (known[i] && record.answer.status === "answered") settle(context, manifest, record.answer);
      if (known[i] || seen.has(record.id)) continue;
      seen.add(record.id);
      questions.insert(record);
      if (record.tried) canary.asked(record.id, record.tried);
      const planned = manifest.policy.truth === "complete" || record.audited;
      rule.asked(manifest, { ...record, pi: planned ? record.pi : 0 });
      if (record.climbAt !== null) jobs.bring("climb", "", record.climbAt);
    }
    return null;
  });
}
