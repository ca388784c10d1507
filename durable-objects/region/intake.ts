import { canonicalJson } from "../../workers/core/canonical.ts";
import { foldOf, isAudited, splitKey } from "../../workers/core/confidence/folds.ts";
import type { Answer, Manifest, Question } from "../../workers/core/contract/index.ts";
import { sha256Hex } from "../../workers/core/hash.ts";
import { quantise } from "../../workers/core/head/embedding.ts";
import { limits } from "../../workers/core/limits.ts";
import { provisionalAnswer } from "./answers.ts";
import type { RegionContext } from "./context.ts";
import type { NewQuestion } from "./questions.ts";
import { settle } from "./settle.ts";

/** A question on its way in: open when it climbs, or with the edge's answer when it is only kept. */
export interface Arrival {
  question: Question;
  answer: Answer | null;
}

export interface Conflict {
  kind: "conflict";
  id: string;
}

/** Works out all that is recorded of a question when it is asked: it can't be added later. */
export async function recordOf(
  { env, region }: RegionContext,
  manifest: Manifest,
  { question, answer }: Arrival,
  asker: string,
  climbAt: number,
): Promise<NewQuestion> {
  const { id, instance, at, made } = question;
  const { policy, thin, version } = manifest;
  const split = splitKey(policy.split, question);
  const now = Date.now();
  const { sha256, embedding } = thin.backbone;
  return {
    id,
    asker,
    base: version,
    instance,
    payload: await sha256Hex(canonicalJson(instance)),
    embedding:
      made?.backbone === sha256 ? { backbone: sha256, vector: quantise(made.embedding, embedding.step) } : null,
    at,
    receivedAt: now,
    expiresAt: now + limits.questionKeepMs,
    accepted: answer !== null,
    audited: answer !== null && (await isAudited(env.FOLD_SECRET, id, policy.auditShare)),
    // What climbs is labelled for certain; of what is accepted, the audit's share, unless every truth will come.
    pi: answer === null || policy.truth === "complete" ? 1 : policy.auditShare,
    fold: await foldOf(env.FOLD_SECRET, region, split),
    split,
    answer: answer ?? provisionalAnswer(manifest, question),
    climbAt: answer === null ? climbAt : null,
  };
}

/** Stores what is new, all or nothing; a known id with another payload, or of another asker, is a conflict. */
export function store(context: RegionContext, records: readonly NewQuestion[]): Conflict | null {
  const { questions, storage, jobs } = context;
  return storage.transactionSync(() => {
    const known = records.map(({ id }) => questions.find(id));
    const conflict = records.find(({ payload, asker }, i) => {
      const before = known[i];
      return before && (before.payload !== payload || before.asker !== asker);
    });
    if (conflict) return { kind: "conflict", id: conflict.id };
    const seen = new Set<string>();
    for (const [i, record] of records.entries()) {
      if (known[i] && record.accepted) settle(context, record.answer);
      if (known[i] || seen.has(record.id)) continue;
      seen.add(record.id);
      questions.insert(record);
      if (record.climbAt !== null) jobs.bring("climb", "", record.climbAt);
    }
    return null;
  });
}
