import type { Answer, ClassifyManifest } from "#core/contract/index.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { RegionCounter } from "../tables/counts.ts";
import type { Questions } from "../tables/questions.ts";
import type { Waiters } from "./waiters.ts";

/** What a settlement changes. */
interface SettlementNeeds {
  questions: Questions;
  counts: Pick<RegionCounter, "answered">;
  waiters: Pick<Waiters, "notify">;
  jobs: Pick<Jobs, "put">;
}

/** Ends open questions: no rung is asked about them again, and their callers receive the answer. */
export class Settlement {
  private readonly needs: SettlementNeeds;

  constructor(needs: SettlementNeeds) {
    this.needs = needs;
  }

  /** Answers an open question and withdraws it from review. Returns false where it is answered already. */
  settle(manifest: ClassifyManifest, answer: Answer): boolean {
    if (!this.close(manifest, answer)) return false;
    if (!this.needs.questions.find(answer.id)?.audited) this.leaveReview(answer.id);
    return true;
  }

  /** Answers an open question and leaves it in review. Returns false where it is answered already. */
  close({ policy }: ClassifyManifest, answer: Answer): boolean {
    const { questions, counts, waiters } = this.needs;
    const row = questions.find(answer.id);
    if (!row || !questions.setAnswer(answer)) return false;
    counts.answered(row.base, answer.rung, answer.accepted, Date.now() - row.receivedAt);
    questions.setEscalation(answer.id, null, 0);
    // An audit asks a person whatever the rungs say.
    if (!policy.keepInputs && !row.audited) questions.dropInput(answer.id);
    waiters.notify(answer);
    return true;
  }

  /** Withdraws a question from the review queue. */
  leaveReview(id: string): void {
    const { questions, jobs } = this.needs;
    questions.setReview(id, null);
    if (questions.find(id)?.inReview) jobs.put("withdraw", id, Date.now());
  }
}
