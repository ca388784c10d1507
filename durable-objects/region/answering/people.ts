import { BoundedMap } from "#core/bounded-map.ts";
import { leftMs } from "#core/clock.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { ReviewApi } from "#objects/review/api.ts";
import type { Remote } from "#objects/stubs.ts";
import type { Manifests } from "../artefacts.ts";
import { type Questions, questionOf, type StoredQuestion } from "../tables/questions.ts";
import type { Outcome } from "./log.ts";
import type { Settlement } from "./settlement.ts";

/** Questions that one step of the job takes. */
const batchSize = 256;
/** Questions that people have at a time, at most, where the rung above does not pay. The rest get the provisional answer. */
const unaskedWithPeopleMax = 100;
/** How long the review queue is not asked again for an owner that it has refused. */
const fullMs = 10_000;
const fullOwnersMax = 10_000;

interface PeopleNeeds {
  region: string;
  /** Whether the region is on a node: then people are asked beside the rung above, and not instead of it. */
  isOnNode: boolean;
  review: () => Pick<Remote<ReviewApi>, "enqueue">;
  manifests: Pick<Manifests, "get">;
  questions: Questions;
  settlement: Settlement;
  jobs: Pick<Jobs, "put" | "bringForward">;
  transaction: <T>(work: () => T) => T;
}

/** Asks people about stored questions, through the review queue, within the limits of those who asked. */
export class People {
  private readonly needs: PeopleNeeds;
  /** The time from which each owner at its limit may send people more questions, ms since 1970. */
  private readonly fullUntil = new BoundedMap<string, number>(fullOwnersMax);

  constructor(needs: PeopleNeeds) {
    this.needs = needs;
  }

  /** Asks a person about a question; where the model asks none, or its owner may ask no more, the provisional answer is final. */
  ask(manifest: ClassifyManifest, id: string): Outcome {
    const { questions, jobs, settlement } = this.needs;
    questions.setEscalation(id, null, 0);
    const row = questions.find(id);
    const asksPeople = manifest.policy.ladder.includes("human");
    const isRefused = asksPeople && row !== null && this.isRefused(row);
    if (asksPeople && !isRefused) {
      questions.setReview(id, Date.now());
      jobs.bringForward("review", "", Date.now());
      return "escalated-to-review";
    }
    const more = isRefused ? { degraded: true as const } : {};
    return row && settlement.settle(manifest, { ...row.answer, status: "answered", ...more }) ? "answered" : null;
  }

  /** Asks a person while few are asked; else the provisional answer is final. */
  askWhileFew(manifest: ClassifyManifest, id: string): Outcome {
    const { questions, settlement } = this.needs;
    const row = questions.find(id);
    if (row?.answer.status !== "open") return null;
    if (row.audited || questions.withPeople() < unaskedWithPeopleMax) return this.ask(manifest, id);
    questions.setEscalation(id, null, 0);
    return settlement.settle(manifest, { ...row.answer, status: "answered" }) ? "answered" : null;
  }

  /** The job `review`: hands open questions to the review queue, which takes each once. */
  async reviewDue(): Promise<number | null> {
    const { questions, jobs, review, region } = this.needs;
    const due = questions.dueToReview(batchSize);
    if (due.length === 0) return null;
    const items = due.map((row) => {
      const { answer: provisional, opinions, traceparent } = row;
      // A planned label is never missing because of a limit.
      const counted = row.audited || row.reviewLimit === null ? {} : { owner: row.owner, ownerMax: row.reviewLimit };
      return { ...questionOf(row, region), provisional, opinions, traceparent, ...counted };
    });
    const refused = new Set((await review().enqueue(items)) ?? []);
    for (const { id } of due) {
      if (!refused.has(id) && !questions.setInReview(id)) jobs.put("withdraw", id, Date.now());
    }
    for (const row of due) if (refused.has(row.id)) await this.leaveProvisional(row);
    return Date.now();
  }

  /** Whether the review queue has just refused a question of the same owner. */
  private isRefused({ owner, audited, reviewLimit }: StoredQuestion): boolean {
    if (this.needs.isOnNode || audited || reviewLimit === null) return false;
    return leftMs(this.fullUntil.get(owner) ?? 0, fullMs, Date.now()) > 0;
  }

  /** Ends a question whose owner has as many with people as it may. */
  private async leaveProvisional({ id, base, owner }: StoredQuestion): Promise<void> {
    const { manifests, settlement, questions, transaction } = this.needs;
    this.fullUntil.set(owner, Date.now() + fullMs);
    const manifest = await manifests.get(base);
    transaction(() => {
      questions.setReview(id, null);
      const row = questions.find(id);
      // It still waits for the rung above.
      if (this.needs.isOnNode && row && row.escalateAt !== null) return;
      if (row) settlement.settle(manifest, { ...row.answer, status: "answered", degraded: true });
    });
  }
}
