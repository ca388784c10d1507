import { mayJudge } from "#core/confidence/labels.ts";
import type { Instance, SentSuspects } from "#core/contract/index.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { suspectsMax } from "#core/suspect-limits.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { ReviewApi } from "#objects/review/api.ts";
import type { Remote } from "#objects/stubs.ts";
import type { StoredSample, SuspectRefusal } from "../api.ts";
import { type Checks, correctionsMs, isAsked } from "../tables/checks.ts";
import type { Questions, StoredQuestion } from "../tables/questions.ts";
import type { Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";

/** Instances that one call hands to the review queue. */
const batchSize = 16;

interface LabelCheckNeeds {
  region: string;
  checks: Checks;
  questions: Pick<Questions, "find">;
  samples: Pick<Samples, "find">;
  archive: Pick<Archive, "restore">;
  review: () => Pick<Remote<ReviewApi>, "enqueue">;
  jobs: Pick<Jobs, "put" | "bringForward">;
  transaction: <T>(work: () => T) => T;
}

/** Asks people to check labels that may be wrong. They see neither the label nor what any rung said. */
export class LabelChecks {
  private readonly needs: LabelCheckNeeds;

  constructor(needs: LabelCheckNeeds) {
    this.needs = needs;
  }

  /** Sends samples to people, all or none. Those that people have already, or that their rungs still ask about, stay as they are. */
  async send(ids: readonly string[]): Promise<Result<SentSuspects, SuspectRefusal>> {
    const { checks, questions, samples, archive, jobs, transaction } = this.needs;
    await archive.restore(ids);
    return transaction(() => {
      const refused = ids.flatMap((id): (SuspectRefusal & { kind: "unfit" })["ids"] => {
        if (!samples.find(id)) return [{ id, reason: "unknown" }];
        return this.instanceOf(id) === null ? [{ id, reason: "no-instance" }] : [];
      });
      if (refused.length > 0) return fail({ kind: "unfit", ids: refused });
      const isKnown = (id: string) => {
        const check = checks.find(id);
        return (check && isAsked(check)) || isAskedAnyway(questions.find(id), samples.find(id));
      };
      const fresh = [...new Set(ids)].filter((id) => !isKnown(id));
      const waiting = checks.waiting() + fresh.length;
      if (fresh.length > 0 && waiting > suspectsMax) return fail({ kind: "full", max: suspectsMax, waiting });
      for (const id of fresh) this.add(id);
      if (fresh.length > 0) jobs.bringForward("check", "", checks.nextDue() ?? Date.now());
      return ok({ sent: fresh.length, waiting });
    });
  }

  /** The job `check`: hands samples to the review queue, which takes each once. */
  async step(): Promise<number | null> {
    const { region, checks, archive, review, samples, jobs, transaction } = this.needs;
    const due = checks.due(Date.now(), batchSize);
    if (due.length === 0) return checks.nextDue();
    await archive.restore(due);
    const items = due.flatMap((id) => {
      const [sample, instance] = [samples.find(id), this.instanceOf(id)];
      // People see no candidates either: a label is true whether its caller takes it or not.
      return sample && instance ? [{ id, region, at: sample.at, instance, provisional: null, opinions: [] }] : [];
    });
    await review().enqueue(items);
    transaction(() => {
      for (const { id } of items) if (!checks.setAsked(id)) jobs.put("forget-in-review", id, Date.now());
      // Its instance was deleted in the meantime.
      for (const id of due) if (!items.some((item) => item.id === id)) checks.remove(id);
    });
    return Date.now();
  }

  private instanceOf(id: string): Instance | null {
    const { questions, samples } = this.needs;
    return questions.find(id)?.instance ?? samples.find(id)?.instance ?? null;
  }

  private add(id: string): void {
    const { checks, questions, samples } = this.needs;
    // What people have had leaves the queue first.
    const wait = questions.find(id)?.inReview ? correctionsMs : 0;
    checks.add(id, Date.now() + wait, hasJudged(samples.find(id)));
  }
}

/** Tells whether a question is open, or people have it for its caller or a planned label: then what they say counts as any label. */
export function isAskedAnyway(row: StoredQuestion | null, sample: StoredSample | null): boolean {
  if (!row) return false;
  // It was withdrawn when a label that may judge came.
  return row.answer.status === "open" || row.reviewAt !== null || (row.inReview && !hasJudged(sample));
}

/** Tells whether the label of a sample judges rungs, rules and answers. */
export function hasJudged(sample: StoredSample | null): boolean {
  return sample !== null && mayJudge(sample.source) && sample.trusted;
}
