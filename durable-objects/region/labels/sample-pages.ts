import { samplesPageMaxRows } from "#core/contract/index.ts";
import type { SampleChanges } from "../api.ts";
import type { StoredQuestion } from "../tables/questions.ts";
import type { Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";

/** Returns a page of what changed after a revision. Archived samples come first: they changed longest ago. */
export async function samplesSince(
  samples: Pick<Samples, "lastRevision" | "forgottenIn" | "changedIn" | "changedSince">,
  archive: Pick<Archive, "since">,
  scoresAbove: (id: string) => Promise<Record<string, number> | null>,
  { since, isOtherEpoch }: { since: number; isOtherEpoch: boolean },
): Promise<SampleChanges> {
  // An object that lost its state counts from 1 again: its readers start over as well. A cursor without an epoch shows it
  // only while it is ahead.
  const revision = isOtherEpoch || since > samples.lastRevision() ? 0 : since;
  const archived = await archive.since(revision);
  if (archived) {
    const forgotten = samples.forgottenIn(revision, archived.lastRevision, Number.MAX_SAFE_INTEGER);
    // Samples without trust stay in the object, however long ago they changed.
    const stayed = samples.changedIn(revision, archived.lastRevision);
    const all = [...archived.samples, ...stayed].sort((a, b) => a.revision - b.revision);
    return { samples: all, forgotten, revision: archived.lastRevision, isLast: false };
  }
  const page = samples.changedSince(revision, samplesPageMaxRows);
  const changed = [...page.samples, ...page.forgotten].map((row) => row.revision);
  const known = await Promise.all(
    page.samples.map(async (sample) => {
      const above = await scoresAbove(sample.id);
      return above ? { ...sample, above } : sample;
    }),
  );
  return { ...page, samples: known, revision: Math.max(revision, ...changed) };
}

/** Scores below this are left out, and rounded to it. */
const shownScore = 1e-4;

/** Returns the scores of the last rung above that gave any, before calibration, by label; null where none did. */
export function scoresAboveOf(
  labels: readonly string[],
  above: Pick<StoredQuestion, "above">["above"],
): Record<string, number> | null {
  const scores = above?.given?.at(-1)?.scores;
  if (scores?.length !== labels.length) return null;
  const rounded = labels.map(
    (label, i) => [label, Math.round((scores[i] as number) / shownScore) * shownScore] as const,
  );
  return Object.fromEntries(
    rounded.filter(([, score]) => score > 0).map(([label, score]) => [label, Number(score.toFixed(4))]),
  );
}
