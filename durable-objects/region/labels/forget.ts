import type { Result } from "#core/result.ts";
import { fail, ok } from "#core/result.ts";
import type { Jobs } from "../../jobs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { Waiters } from "../answering/waiters.ts";
import type { ForgetRefusal } from "../api.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { Questions } from "../tables/questions.ts";
import type { Samples } from "../tables/samples.ts";
import type { SumShards } from "../tables/sums.ts";
import type { Archive } from "./archive.ts";
import type { CanaryCounts } from "./canary-counts.ts";
import type { LiveRule } from "./live-rule.ts";

/** What forgetting a question touches. */
export interface ForgetNeeds {
  questions: Pick<Questions, "find" | "remove">;
  samples: Pick<Samples, "find" | "remove">;
  embeddings: Pick<Embeddings, "of" | "remove">;
  sums: Pick<SumShards, "subtract">;
  archive: Pick<Archive, "restore">;
  rule: Pick<LiveRule, "forget">;
  canary: Pick<CanaryCounts, "forget">;
  semanticCache: Pick<SemanticCache, "drop">;
  waiters: Pick<Waiters, "drop">;
  jobs: Pick<Jobs, "put">;
  storage: Pick<DurableObjectStorage, "transactionSync">;
}

/**
 * Forgets a question: its row, input, embeddings, contribution to the sums, and archived copy. Two things stay: a
 * tombstone for readers of samples and for labels on their way, and the certificate's count without the id.
 */
export async function forget(
  needs: ForgetNeeds,
  id: string,
  owner: string | null,
): Promise<Result<null, ForgetRefusal>> {
  const { questions, samples, embeddings, sums, rule, canary, semanticCache, jobs, waiters, storage } = needs;
  await needs.archive.restore([id]);
  const row = questions.find(id);
  const sample = samples.find(id);
  if (!row && !sample) return fail({ kind: "unknown" });
  if (owner !== null && (row?.owner ?? sample?.owner) !== owner) return fail({ kind: "not-yours" });
  const counted = (sample ? embeddings.of(sample.number) : []).filter(({ label }) => label !== null);
  storage.transactionSync(() => {
    for (const { backbone, vector, label, weight } of counted) {
      sums.subtract(backbone, sample?.fold ?? 0, { vector, label: label as number, weight: weight as number });
    }
    samples.remove(id, true);
    if (sample) embeddings.remove(sample.number);
    if (row?.inReview) jobs.put("forget-in-review", id, Date.now());
    questions.remove(id);
    rule.forget(id);
    canary.forget(id);
  });
  semanticCache.drop();
  waiters.drop(id);
  return ok(null);
}
