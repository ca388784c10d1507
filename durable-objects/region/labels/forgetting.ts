import { crossFitFold } from "#core/confidence/few-labels.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import type { Result } from "#core/result.ts";
import { fail, ok } from "#core/result.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { Waiters } from "../answering/waiters.ts";
import type { ForgetRefusal, StoredSample } from "../api.ts";
import type { SumBins } from "../tables/bins.ts";
import type { CanaryAnswers } from "../tables/canary-answers.ts";
import type { Checks } from "../tables/checks.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { Questions } from "../tables/questions.ts";
import type { Samples } from "../tables/samples.ts";
import type { FoldSumRow, SumShards } from "../tables/sums.ts";
import type { Archive } from "./archive.ts";
import type { Certificates } from "./certificates.ts";

/** Everything that may contain something of a question. */
interface ForgettingNeeds {
  questions: Questions;
  samples: Samples;
  checks: Pick<Checks, "find" | "remove">;
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
    const { questions, samples, archive } = this.needs;
    await archive.restore([id]);
    const row = questions.find(id);
    const sample = samples.find(id);
    if (!row && !sample) return fail({ kind: "unknown" });
    if (owner !== null && (row?.owner ?? sample?.owner) !== owner) return fail({ kind: "not-yours" });
    this.remove([id]);
    return ok(null);
  }

  /**
   * Removes questions with their samples, in one transaction. Of a question that `isKept` only the sample and what its label
   * counted go: its owner may still read it, and label it.
   */
  remove(ids: readonly string[], isKept: (sample: StoredSample) => boolean = () => false): void {
    const { questions, samples, checks, embeddings, sums, certificates, canary, waiters, jobs, transaction } =
      this.needs;
    transaction(() => {
      const known = ids.map((id) => ({ id, sample: samples.find(id) }));
      sums.subtract(known.flatMap(({ sample }) => (sample ? this.countedOf(sample) : [])));
      for (const { id, sample } of known) {
        samples.remove(id, true);
        if (sample) embeddings.remove(sample.number);
        if (checks.find(id)) jobs.put("forget-in-review", id, Date.now());
        checks.remove(id);
        const isWhole = sample === null || !isKept(sample);
        // A label without trust was counted by neither.
        if (isWhole || sample?.trusted) {
          certificates.forget(id);
          canary.forget(id);
        }
        if (!isWhole) continue;
        if (questions.find(id)?.inReview) jobs.put("forget-in-review", id, Date.now());
        questions.remove(id);
      }
    });
    this.needs.semanticCache.drop();
    for (const id of ids) waiters.drop(id);
  }

  /** Returns what the sums contain of a sample. */
  private countedOf({ number, ...sample }: StoredSample): FoldSumRow[] {
    const { embeddings, bins } = this.needs;
    const counted = embeddings.of(number).filter(({ label }) => label !== null);
    const fold = crossFitFold(sample);
    return counted.map(({ backbone, vector, label, weight }) => {
      const own = bins.get(backbone);
      const taught = own ? softLabelOf(own, label as number) : (label as number);
      return { backbone, fold, vector, label: taught, weight: weight as number };
    });
  }
}
