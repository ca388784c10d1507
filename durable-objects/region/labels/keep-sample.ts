import type { ClassifyManifest } from "#core/contract/index.ts";
import type { RegionContext } from "../context.ts";
import type { NewSample } from "../tables/samples.ts";

/** Keeps a label and its embedding, once a question; answers whether that changed anything. */
export function keepSample(
  { samples, embeddings, semanticCache, archive, jobs, counts }: RegionContext,
  { policy, version }: ClassifyManifest,
  sample: NewSample,
): boolean {
  const number = samples.teach(sample);
  if (number === null) return false;
  counts.labelled(version, sample.source);
  if (sample.embedding) embeddings.set(number, sample.embedding);
  semanticCache.drop();
  if (archive.isDue(policy.samplesMax)) jobs.bring("archive", String(policy.samplesMax), Date.now());
  return true;
}
