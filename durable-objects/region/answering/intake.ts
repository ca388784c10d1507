import { canonicalJson } from "#core/canonical.ts";
import { assignSplit, groupKeyOf, isAudited } from "#core/confidence/splits.ts";
import { type ClassifyManifest, questionKeepMs } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { quantise } from "#core/head/embedding.ts";
import type { Hop } from "#core/rung/rung.ts";
import type { IncomingQuestion, QuestionConflict } from "../api.ts";
import type { CanaryCounts, Tried } from "../labels/canary-counts.ts";
import type { LiveRule } from "../labels/live-rule.ts";
import type { NewQuestion } from "../tables/questions.ts";
import { opinionsOf, provisionalAnswer } from "./answers.ts";
import { type SettleNeeds, settle } from "./settle.ts";

/** All that is recorded of a question on its way in. */
export interface Intake extends NewQuestion {
  /** What is counted of it for a watched canary. */
  tried: Tried | null;
}

/** What recording a question needs. */
export interface RecordNeeds {
  env: Pick<Env, "SPLIT_SECRET">;
  region: string;
  canary: Pick<CanaryCounts, "triedOf">;
}

/** What storing questions touches. */
export type StoreNeeds = SettleNeeds & {
  storage: Pick<DurableObjectStorage, "transactionSync">;
  rule: Pick<LiveRule, "asked">;
  canary: Pick<CanaryCounts, "asked">;
};

/** Works out all that is recorded of a question when it is asked: it can't be added later. */
export async function recordOf(
  { env, region, canary }: RecordNeeds,
  manifest: ClassifyManifest,
  { question, answer }: IncomingQuestion,
  { owner, traceparent }: Hop,
  escalateAt: number,
): Promise<Intake> {
  const { id, instance, at, inference } = question;
  const { policy, thin, version } = manifest;
  const groupKey = groupKeyOf(policy.groupBy, question);
  const now = Date.now();
  const { sha256, embedding } = thin.backbone;
  const provisional = provisionalAnswer(manifest, question);
  // Answers of the semantic cache count as accepted, like the edge's; so do accepted answers without a certificate.
  const accepted = answer?.rung === "region" || (inference?.accepted ?? answer?.accepted ?? false);
  const isComplete = policy.truth === "complete";
  const isAudit = accepted && !isComplete && (await isAudited(env.SPLIT_SECRET, id, policy.auditShare));
  const { split, fold } = await assignSplit(env.SPLIT_SECRET, region, groupKey);
  return {
    id,
    owner,
    base: version,
    // Without a label to come, nothing needs the instance again.
    instance: policy.keepInputs || answer === null || isAudit ? instance : null,
    payload: await sha256Hex(canonicalJson(instance)),
    embedding:
      inference?.backbone === sha256
        ? { backbone: sha256, vector: quantise(inference.embedding, embedding.step) }
        : null,
    at,
    receivedAt: now,
    expiresAt: now + questionKeepMs,
    accepted,
    audited: isAudit,
    // What escalates is labelled for certain; of what is accepted, the audit's share, unless every truth will come.
    inclusionProbability: !accepted || isComplete ? 1 : policy.auditShare,
    split,
    fold,
    groupKey,
    prediction: (answer ?? provisional).label,
    answer: answer ?? provisional,
    escalateAt: answer === null ? escalateAt : null,
    // Only a person reads them.
    opinions: answer === null || isAudit ? opinionsOf(manifest, question, answer) : [],
    traceparent: traceparent ?? null,
    tried: await canary.triedOf(env.SPLIT_SECRET, manifest, question),
  };
}

/** Stores what is new, all or nothing; a known id with another payload, or of another asker, is a conflict. */
export function store(
  needs: StoreNeeds,
  manifest: ClassifyManifest,
  records: readonly Intake[],
): QuestionConflict | null {
  const { questions, storage, jobs, rule, canary } = needs;
  return storage.transactionSync(() => {
    const known = records.map(({ id }) => questions.find(id));
    const conflict = records.find(({ payload, owner }, i) => {
      const before = known[i];
      return before && (before.payload !== payload || before.owner !== owner);
    });
    if (conflict) return { kind: "conflict", id: conflict.id };
    const seen = new Set<string>();
    for (const [i, record] of records.entries()) {
      if (known[i] && record.answer.status === "answered") settle(needs, manifest, record.answer);
      if (known[i] || seen.has(record.id)) continue;
      seen.add(record.id);
      questions.insert(record);
      if (record.tried) canary.asked(record.id, record.tried);
      const planned = manifest.policy.truth === "complete" || record.audited;
      rule.asked(manifest, { ...record, inclusionProbability: planned ? record.inclusionProbability : 0 });
      if (record.escalateAt !== null) jobs.bring("escalate", "", record.escalateAt);
    }
    return null;
  });
}
