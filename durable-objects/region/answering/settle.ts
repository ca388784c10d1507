import type { Answer, ClassifyManifest } from "#core/contract/index.ts";
import type { RegionContext } from "../context.ts";

/** Answers an open question for good: no rung is asked about it any more, and whoever waits is told. */
export function settle(context: RegionContext, manifest: ClassifyManifest, answer: Answer): boolean {
  if (!close(context, manifest, answer)) return false;
  if (!context.questions.find(answer.id)?.audited) leaveReview(context, answer.id);
  return true;
}

/** Answers an open question for good; what the human rung has of it stays there. */
export function close(context: RegionContext, { policy }: ClassifyManifest, answer: Answer): boolean {
  const { questions, waiters, counts } = context;
  const row = questions.find(answer.id);
  if (!row || !questions.setAnswer(answer)) return false;
  counts.answered(row.base, answer.rung, answer.accepted, Date.now() - row.receivedAt);
  questions.setEscalation(answer.id, null, 0);
  // An audit asks a person whatever the rungs say.
  if (!policy.keepInputs && !row.audited) questions.dropInput(answer.id);
  waiters.tell(answer);
  return true;
}

/** A question needs no person any more. */
export function leaveReview({ questions, jobs }: RegionContext, id: string): void {
  questions.setReview(id, null);
  if (questions.find(id)?.inReview) jobs.put("withdraw", id, Date.now());
}
