import { DurableObject } from "cloudflare:workers";
import { type FlaggedQuestion, type Instance, questionKeepMs, type ReviewQuestion } from "#core/contract/index.ts";
import { limits } from "#core/limits.ts";
import { type LogEvent, logLine } from "#core/log.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { beginSpan, type Span, traceHeaders } from "#core/trace-context.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf } from "../names.ts";
import { regionObject } from "../stubs.ts";
import {
  type LeaseRequest,
  type NewReviewQuestion,
  type ReviewApi,
  type ReviewRefusal,
  reviewMaxQuestions,
} from "./api.ts";
import { migrations } from "./migrations.ts";
import { ReviewQueue } from "./queue.ts";
import { refuseFlag, refuseLabel, refuseSkip } from "./refusal.ts";

/** How long a person may correct a label. */
export const correctionMs = 10 * 60_000;

/** One a model: the human rung's queue. */
export class ReviewObject extends DurableObject<Env> implements ReviewApi {
  private readonly model: string;
  private readonly queue: ReviewQueue;
  private readonly jobs: Jobs;
  private readonly delivering = new Map<string, Promise<null>>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    this.model = nameOf(ctx.id);
    this.queue = new ReviewQueue(ctx.storage.sql);
    this.jobs = new Jobs(ctx.storage, {
      deliver: (id) => this.deliver(id),
      close: (id) => this.close(id),
      remove: (id) => this.removeDue(id),
    });
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  /** Takes questions into the queue; one that is there already stays as it is. */
  enqueue(items: NewReviewQuestion[]): void {
    const queued = items.map((item) => ({ item, span: beginSpan(item) }));
    const isNew = this.ctx.storage.transactionSync(() =>
      queued.map(({ item, span }) => this.queue.add({ ...item, ...traceHeaders(span) }, Date.now())),
    );
    for (const [i, { item, span }] of queued.entries()) if (isNew[i]) this.log("queued", item.id, item.region, span);
  }

  /** Hands out the oldest questions that nobody else holds, to one holder alone until the lease ends. */
  lease(request: LeaseRequest): ReviewQuestion[] {
    return this.ctx.storage.transactionSync(() => this.queue.lease(request, Date.now()));
  }

  /**
   * Records a person's label and sees to it that the region gets it; the same person may correct it for a while. A
   * flagged question is taken up again by it.
   */
  async answer(id: string, label: string, holder: string): Promise<Result<null, ReviewRefusal>> {
    const now = Date.now();
    const refusal = this.ctx.storage.transactionSync(() => {
      const row = this.queue.find(id);
      const refused = refuseLabel(row, label, holder, now);
      if (refused || !row || row.label === label) return refused;
      const correctUntil = row.correctUntil ?? now + correctionMs;
      const span = beginSpan(row);
      this.queue.setLabel(id, label, holder, correctUntil, traceHeaders(span).traceparent);
      this.jobs.put("deliver", id, now + limits.jobRetryMs);
      this.jobs.put("remove", id, correctUntil);
      this.log("answered", id, row.region, span, row.queuedAt);
      return null;
    });
    if (refusal) return fail(refusal);
    await this.atOnce("deliver", id, () => this.deliver(id));
    return ok(null);
  }

  /** Gives a question back: its holder gets others first, everybody else may have it at once. */
  skip(id: string, holder: string): Result<null, ReviewRefusal> {
    return this.ctx.storage.transactionSync(() => {
      const refusal = refuseSkip(this.queue.find(id), holder);
      if (refusal) return fail(refusal);
      this.queue.skip(id, holder, Date.now());
      return ok(null);
    });
  }

  /** Takes a question out of the queue that a person can't answer; whoever asked gets the best answer so far. */
  async flag(id: string, reason: string, holder: string): Promise<Result<null, ReviewRefusal>> {
    const now = Date.now();
    const refusal = this.ctx.storage.transactionSync(() => {
      const refused = refuseFlag(this.queue.find(id), holder, now);
      if (refused) return refused;
      this.queue.flag(id, holder, reason, now);
      this.jobs.put("close", id, now + limits.jobRetryMs);
      this.jobs.put("remove", id, now + questionKeepMs);
      return null;
    });
    if (refusal) return fail(refusal);
    await this.atOnce("close", id, () => this.close(id));
    return ok(null);
  }

  /** Flagged questions that nobody has labelled since, the newest first. */
  flagged(regions: string[] | null): FlaggedQuestion[] {
    return this.queue.flagged(regions, reviewMaxQuestions);
  }

  /** Takes questions out of the queue because their answer is known; a label that was given here stays. */
  withdraw(ids: string[]): void {
    for (const id of ids) if (this.queue.find(id)?.label === null) this.remove(id);
  }

  /** Lets go of questions that are to be forgotten, whatever became of them. */
  forget(ids: string[]): void {
    for (const id of ids) this.remove(id);
  }

  /** Lets go of a region's questions, of those that were answered but not delivered, too. */
  forgetRegion(region: string): void {
    this.ctx.storage.transactionSync(() => this.queue.removeRegion(region));
  }

  size(): number {
    return this.queue.waiting();
  }

  // So that whoever waits hears of it; the job stands by should this fail.
  private async atOnce(kind: string, id: string, step: () => Promise<null>): Promise<void> {
    const isDone = await step().then(
      () => true,
      () => false,
    );
    if (isDone) this.jobs.drop(kind, id);
  }

  // One at a time: what is corrected on its way goes once more, after what it corrects.
  private deliver(id: string): Promise<null> {
    const underWay = this.delivering.get(id) ?? this.deliverLatest(id).finally(() => this.delivering.delete(id));
    this.delivering.set(id, underWay);
    return underWay;
  }

  private async deliverLatest(id: string): Promise<null> {
    for (let row = this.queue.find(id); row?.label; row = this.queue.find(id)) {
      const { region, label, queuedAt: at, traceparent } = row;
      const instance = JSON.parse(row.instance) as Instance | null;
      await regionObject(this.env, this.model, region).takeHumanLabel({ id, label, instance, at, traceparent });
      if (this.queue.find(id)?.label === label) break;
    }
    this.queue.empty(id);
    // Labelled before there were corrections.
    if (this.jobs.dueOf("remove", id) === null) this.queue.remove(id);
    return null;
  }

  private log(event: LogEvent, id: string, region: string, span: Span, since = Date.now()): void {
    if (this.env.LOG_ANSWERS === "off") return;
    logLine({ event, rung: "human", model: this.model, region, span, ids: [id], ms: Date.now() - since });
  }

  private async close(id: string): Promise<null> {
    const row = this.queue.find(id);
    if (row) await regionObject(this.env, this.model, row.region).closeUnsure(id);
    return null;
  }

  private async removeDue(id: string): Promise<number | null> {
    const delivery = this.jobs.dueOf("deliver", id);
    if (delivery !== null) return Math.max(delivery, Date.now() + limits.jobRetryMs);
    this.queue.remove(id);
    return null;
  }

  private remove(id: string): void {
    this.ctx.storage.transactionSync(() => {
      this.queue.remove(id);
      for (const kind of ["deliver", "close", "remove"]) this.jobs.drop(kind, id);
    });
  }
}
