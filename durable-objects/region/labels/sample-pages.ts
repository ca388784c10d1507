import { samplesPageMaxRows } from "#core/contract/index.ts";
import type { SampleChanges } from "../api.ts";
import type { Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";

/** Returns what changed after a revision, archived samples first: they changed longest ago. */
export async function samplesSince(
  { samples, archive }: { samples: Samples; archive: Pick<Archive, "since"> },
  since: number,
): Promise<SampleChanges> {
  // An object that lost its state counts from 1 again: readers have to start over.
  const revision = since > samples.lastRevision() ? 0 : since;
  const archived = await archive.since(revision);
  if (archived) {
    const forgotten = samples.forgottenIn(revision, archived.lastRevision, Number.MAX_SAFE_INTEGER);
    return { samples: archived.samples, forgotten, revision: archived.lastRevision, isLast: false };
  }
  const page = samples.changedSince(revision, samplesPageMaxRows);
  const changed = [...page.samples, ...page.forgotten].map((row) => row.revision);
  return { ...page, revision: Math.max(revision, ...changed) };
}
