import { samplesPageMaxRows } from "#core/contract/index.ts";
import type { SampleChanges } from "../api.ts";
import type { Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";

/** Returns a page of what changed after a revision. Archived samples come first: they changed longest ago. */
export async function samplesSince(
  samples: Pick<Samples, "lastRevision" | "forgottenIn" | "changedSince">,
  archive: Pick<Archive, "since">,
  since: number,
): Promise<SampleChanges> {
  // An object that lost its state counts from 1 again: its readers have to start over as well.
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
