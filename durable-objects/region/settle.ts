import type { Answer } from "../../workers/core/contract/index.ts";
import type { RegionContext } from "./context.ts";

/** Answers an open question for good: nobody is asked about it any more, and whoever waits is told. */
export function settle({ questions, jobs, waiters }: RegionContext, answer: Answer): boolean {
  if (!questions.setAnswer(answer)) return false;
  questions.setClimb(answer.id, null, 0);
  questions.setReview(answer.id, null);
  if (questions.find(answer.id)?.inReview) jobs.put("withdraw", answer.id, Date.now());
  waiters.tell(answer);
  return true;
}
