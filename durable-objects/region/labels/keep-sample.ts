import type { ClassifyManifest } from "#core/contract/index.ts";
import type { Jobs } from "../../jobs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { RegionCounter } from "../tables/counts.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { NewSample, Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";

/** What storing a sample touches. */
export interface KeepSampleNeeds {
  samples: Pick<Samples, "put">;
  embeddings: Pick<Embeddings, "set">;
  semanticCache: Pick<SemanticCache, "drop">;
  archive: Pick<Archive, "isDue">;
  jobs: Pick<Jobs, "bring">;
  counts: Pick<RegionCounter, "labelled">;
}

/** Stores a label and its embedding, one for each question. Returns whether that changed anything. */
export function keepSample(
  { samples, embeddings, semanticCache, archive, jobs, counts }: KeepSampleNeeds,
  { policy, version }: ClassifyManifest,
  sample: NewSample,
): boolean {
  const number = samples.put(sample);
  if (number === null) return false;
  counts.labelled(version, sample.source);
  if (sample.embedding) embeddings.set(number, sample.embedding);
  semanticCache.drop();
  if (archive.isDue(policy.samplesMax)) jobs.bring("archive", String(policy.samplesMax), Date.now());
  return true;
}
