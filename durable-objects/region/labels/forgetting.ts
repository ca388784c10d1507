import { softLabelOf } from "#core/regress/soft-label.ts";
import type { Result } from "#core/result.ts";
import { fail, ok } from "#core/result.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { Waiters } from "../answering/waiters.ts";
import type { ForgetRefusal } from "../api.ts";
import type { SumBins } from "../tables/bins.ts";
import type { CanaryAnswers } from "../tables/canary-answers.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { Questions } from "../tables/questions.ts";
import type { Samples } from "../tables/samples.ts";
import type { SumShards } from "../tables/sums.ts";
import type { Archive } from "./archive.ts";
import type { Certificates } from "./certificates.ts";

/** Everything that may contain something of a question. */
interface ForgettingNeeds {
  questions: Questions;
  samples: Samples;
  embeddings: Embeddings;
  sums: Pick<SumShards, "subtract">;
  bins: Pick<SumBins, "get">;
  archive: Pick<Archive, "restore">;
  certificates: Pick<Certificates, "forget">;
  canary: Pick<CanaryAnswers, "forget">;
  semanticCache: Pick<SemanticCache, "drop">;
  waiters: Pick<Waiters, "drop">;
  jobs: Pick<Jobs, "put">;
  transaction: <T>(work: () => T) => T;
}

/** Forgets questions exactly. */
export class Forgetting {
  private readonly needs: ForgettingNeeds;

  constructor(needs: ForgettingNeeds) {
    this.needs = needs;
  }

  /**
   * Forgets a question: its row, instance, embeddings, archive line and contribution to the sums. Two things stay: a
   * tombstone for readers of samples, and the count in the certificate without the id.
   */
  async forget(id: string, owner: string | null): Promise<Result<null, ForgetRefusal>> {
    const { questions, samples, embeddings, sums, bins, archive, certificates, canary, jobs, transaction } = this.needs;
    await archive.restore([id]);
    const row = questions.find(id);
    const sample = samples.find(id);
    if (!row && !sample) return fail({ kind: "unknown" });
    if (owner !== null && (row?.owner ?? sample?.owner) !== owner) return fail({ kind: "not-yours" });
    const counted = (sample ? embeddings.of(sample.number) : []).filter(({ label }) => label !== null);
    transaction(() => {
      for (const { backbone, vector, label, weight } of counted) {
        const own = bins.get(backbone);
        const taught = own ? softLabelOf(own, label as number) : (label as number);
        sums.subtract(backbone, sample?.fold ?? 0, { vector, label: taught, weight: weight as number });
      }
      samples.remove(id, true);
      if (sample) embeddings.remove(sample.number);
      if (row?.inReview) jobs.put("forget-in-review", id, Date.now());
      questions.remove(id);
      certificates.forget(id);
      canary.forget(id);
    });
    this.needs.semanticCache.drop();
    this.needs.waiters.drop(id);
    return ok(null);
  }
}
