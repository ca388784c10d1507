import type { QuestionWay } from "#core/contract/index.ts";
import type { StoredSample } from "../api.ts";
import type { StoredQuestion } from "../tables/questions.ts";

/** Describes everything that is recorded of a question; null for an unknown one. */
export function wayOf(question: StoredQuestion | null, sample: StoredSample | null): QuestionWay | null {
  if (!question) return null;
  const { id, base, owner, instance, at, receivedAt, accepted, audited, inclusionProbability } = question;
  const { split, groupKey, opinions, tries, inReview, route, answer, traceparent, candidates } = question;
  return {
    ...{ id, base, owner, instance, at, receivedAt, accepted, audited, inclusionProbability },
    ...{ split, groupKey, opinions, tries, inReview, route, answer, traceparent },
    ...(candidates ? { candidates } : {}),
    label: sample && labelOf(sample),
  };
}

function labelOf({ label, source, labelledAt, labelledBy, trusted }: StoredSample): QuestionWay["label"] {
  return { label, source, labelledAt, labelledBy, ...(trusted ? {} : { trusted }) };
}
