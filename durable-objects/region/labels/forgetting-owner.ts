import { mayJudge } from "#core/confidence/labels.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { RegistryApi } from "#objects/registry/api.ts";
import type { Remote } from "#objects/stubs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { ForgottenOwner, StoredSample } from "../api.ts";
import type { Escalations } from "../tables/escalations.ts";
import type { Heads } from "../tables/heads.ts";
import type { HeldOutHeads } from "../tables/held-out-heads.ts";
import type { Questions } from "../tables/questions.ts";
import type { Runs } from "../tables/runs.ts";
import type { OwnedSample, Samples } from "../tables/samples.ts";
import type { Thresholds } from "../tables/thresholds.ts";
import type { Archive } from "./archive.ts";
import type { Certificates } from "./certificates.ts";
import type { Forgetting } from "./forgetting.ts";

/** Samples that one transaction forgets. */
const batchSamples = 200;
/** When the job repeats what a killed object has not finished. */
const repeatAfterMs = 60_000;

/** What forgetting an owner reads and changes. */
interface ForgettingOwnerNeeds {
  region: string;
  registry: () => Pick<Remote<RegistryApi>, "rollbackHead">;
  samples: Pick<Samples, "ownedBy">;
  questions: Pick<Questions, "find">;
  archive: Pick<Archive, "ownedBy" | "restore">;
  forgetting: Pick<Forgetting, "remove">;
  heads: Pick<Heads, "bases" | "pointer" | "set">;
  heldOutHeads: Pick<HeldOutHeads, "remove">;
  runs: Pick<Runs, "lastSampleOf">;
  certificates: Pick<Certificates, "startOver">;
  thresholds: Pick<Thresholds, "forget">;
  escalations: Pick<Escalations, "forget">;
  semanticCache: Pick<SemanticCache, "turnOff">;
  jobs: Pick<Jobs, "put" | "drop">;
  /** Starts a retrain on a base version. */
  retrain: (base: number) => void;
  transaction: <T>(work: () => T) => T;
}

/** Forgets every sample that a token owns or has labelled, and what its labels have moved. */
export class ForgettingOwner {
  private readonly needs: ForgettingOwnerNeeds;

  constructor(needs: ForgettingOwnerNeeds) {
    this.needs = needs;
  }

  /**
   * Forgets the samples; a job finishes it if the object dies. A death may close a certificate's window twice, which makes the
   * next one stricter and nothing wrong.
   */
  async forget(owner: string): Promise<ForgottenOwner> {
    const { samples, archive, forgetting, questions, jobs } = this.needs;
    jobs.put("forget-owner", owner, Date.now() + repeatAfterMs);
    const found = [...(await archive.ownedBy(owner)), ...samples.ownedBy(owner)];
    // Stop serving first, so that no caller gets an answer from what is being forgotten.
    const bases = await this.stopServing(found);
    if (hasJudged(found)) this.startOver(owner);
    // A question of another token that this one labelled stays.
    const isKept = ({ id }: StoredSample) => (questions.find(id)?.owner ?? owner) !== owner;
    for (let i = 0; i < found.length; i += batchSamples) {
      const ids = found.slice(i, i + batchSamples).map(({ id }) => id);
      await archive.restore(ids);
      forgetting.remove(ids, isKept);
    }
    jobs.drop("forget-owner", owner);
    return { samples: found.length, bases };
  }

  /** Returns the region to the global head wherever its own has learned from the samples; its rule, where they moved it. */
  private async stopServing(found: readonly OwnedSample[]): Promise<number[]> {
    const { region, registry, heads, heldOutHeads, runs, retrain, transaction } = this.needs;
    const first = Math.min(...found.map(({ number }) => number));
    const forgetsRule = hasJudged(found);
    const learned: number[] = [];
    for (const base of heads.bases()) {
      const { head, rule } = heads.pointer(base);
      const isLearned = head !== null && (runs.lastSampleOf(base, head.number) ?? Number.POSITIVE_INFINITY) >= first;
      if (!isLearned && !(forgetsRule && rule)) continue;
      const back = await registry().rollbackHead(base, region, isLearned ? null : (head?.number ?? null), forgetsRule);
      transaction(() => {
        if (back.ok) heads.set(base, back.value);
        // With the head, so that a death in between leaves no base without its retrain.
        if (isLearned) {
          heldOutHeads.remove(base);
          retrain(base);
        }
      });
      if (isLearned) learned.push(base);
    }
    return learned;
  }

  private startOver(owner: string): void {
    const { certificates, thresholds, escalations, semanticCache, transaction } = this.needs;
    transaction(() => {
      certificates.startOver();
      thresholds.forget();
      escalations.forget();
      semanticCache.turnOff(`labels of '${owner}' were forgotten`);
    });
  }
}

function hasJudged(found: readonly OwnedSample[]): boolean {
  return found.some(({ trusted, source }) => trusted && mayJudge(source));
}
