import type { ClassifyManifest } from "#core/contract/index.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { RegionCounter } from "../tables/counts.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { NewSample, Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";

/** What keeping a sample changes. */
interface SampleKeeperNeeds {
  samples: Pick<Samples, "record">;
  embeddings: Pick<Embeddings, "set">;
  semanticCache: Pick<SemanticCache, "drop">;
  counts: Pick<RegionCounter, "labelled">;
  archive: Pick<Archive, "isDue">;
  jobs: Pick<Jobs, "bringForward">;
}

/** Stores labels as samples, each question once. */
export class SampleKeeper {
  private readonly needs: SampleKeeperNeeds;

  constructor(needs: SampleKeeperNeeds) {
    this.needs = needs;
  }

  /** Stores a label with its embedding. Returns whether anything changed. */
  keep({ policy, version }: ClassifyManifest, sample: NewSample): boolean {
    const { samples, embeddings, semanticCache, counts, archive, jobs } = this.needs;
    const number = samples.record(sample);
    if (number === null) return false;
    counts.labelled(version, sample.source);
    if (sample.embedding) embeddings.set(number, sample.embedding);
    semanticCache.drop();
    if (archive.isDue(policy.samplesMax)) jobs.bringForward("archive", String(policy.samplesMax), Date.now());
    return true;
  }
}
