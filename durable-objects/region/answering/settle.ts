import type { Answer, ClassifyManifest } from "#core/contract/index.ts";
import type { Jobs } from "../../jobs.ts";
import type { RegionCounter } from "../tables/counts.ts";
import type { Questions } from "../tables/questions.ts";
import type { Waiters } from "./waiters.ts";

/** What settling an answer touches. */
export interface SettleNeeds {
  questions: Questions;
  counts: Pick<RegionCounter, "answered">;
  waiters: Pick<Waiters, "notify">;
  jobs: Pick<Jobs, "bring" | "put">;
}

/** Stores the final answer to an open question, and takes the question back from the human rung; an audit stays there. */
export function settle(needs: SettleNeeds, manifest: ClassifyManifest, answer: Answer): boolean {
  if (!closeQuestion(needs, manifest, answer)) return false;
  if (!needs.questions.find(answer.id)?.audited) leaveReview(needs, answer.id);
  return true;
}

/** Stores the final answer to an open question; false where the question is unknown or answered. */
export function closeQuestion(
  { questions, waiters, counts }: SettleNeeds,
  { policy }: ClassifyManifest,
  answer: Answer,
): boolean {
  const row = questions.find(answer.id);
  if (!row || !questions.setAnswer(answer)) return false;
  counts.answered(row.base, answer.rung, answer.accepted, Date.now() - row.receivedAt);
  questions.setEscalation(answer.id, null, 0);
  // A person still needs the input of an audited question.
  if (!policy.keepInputs && !row.audited) questions.dropInput(answer.id);
  waiters.notify(answer);
  return true;
}

/** Takes a question back from the human rung. */
export function leaveReview({ questions, jobs }: Pick<SettleNeeds, "questions" | "jobs">, id: string): void {
  questions.setReview(id, null);
  if (questions.find(id)?.inReview) jobs.put("withdraw", id, Date.now());
}
