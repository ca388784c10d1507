import { DurableObject } from "cloudflare:workers";
import { type FlaggedQuestion, questionKeepMs, type ReviewQuestion } from "#core/contract/index.ts";
import { type LogEvent, logLine } from "#core/log.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { beginSpan, type TraceSpan, traceHeaders } from "#core/trace-context.ts";
import { Jobs, jobRetryMs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf } from "../names.ts";
import { regionObject } from "../stubs.ts";
import {
  type LabelGiver,
  type LeaseRequest,
  type NewReviewQuestion,
  type ReviewApi,
  type ReviewRefusal,
  reviewMaxQuestions,
} from "./api.ts";
import { Decisions } from "./decisions.ts";
import { migrations } from "./migrations.ts";
import { correctionMs, refuseFlag, refuseLabel, refuseSkip } from "./refusals.ts";
import { ReviewQueue } from "./tables/queue.ts";

/** The review queue of a model: the human rung. */
export class ReviewObject extends DurableObject<Env> implements ReviewApi {
  private readonly model: string;
  private readonly queue: ReviewQueue;
  private readonly jobs: Jobs;
  private readonly decisions: Decisions;
  private readonly transaction = <T>(work: () => T): T => this.ctx.storage.transactionSync(work);

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    const model = nameOf(ctx.id);
    this.model = model;
    this.jobs = new Jobs(ctx.storage, {
      deliver: (id) => this.decisions.deliver(id),
      close: (id) => this.decisions.close(id),
      remove: (id) => this.decisions.remove(id),
    });
    this.queue = new ReviewQueue(ctx.storage.sql);
    const { queue, jobs } = this;
    this.decisions = new Decisions({ queue, jobs, regionObject: (region) => regionObject(env, model, region) });
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  enqueue(questions: NewReviewQuestion[]): string[] {
    const queued = questions.map((question) => ({ question, span: beginSpan(question) }));
    const results = this.transaction(() =>
      queued.map(({ question, span }) => this.queue.add({ ...question, ...traceHeaders(span) }, Date.now())),
    );
    for (const [i, { question, span }] of queued.entries()) {
      if (results[i] === "added") this.log("queued", question.id, question.region, span);
    }
    return questions.flatMap(({ id }, i) => (results[i] === "full" ? [id] : []));
  }

  lease(request: LeaseRequest): ReviewQuestion[] {
    return this.transaction(() => this.queue.lease(request, Date.now()));
  }

  async answer(
    id: string,
    label: string,
    holder: string,
    { labelledBy, trusted }: Partial<LabelGiver> = {},
  ): Promise<Result<null, ReviewRefusal>> {
    const now = Date.now();
    const refusal = this.transaction(() => {
      const row = this.queue.find(id);
      const refused = refuseLabel(row, label, holder, now);
      if (refused || !row || row.label === label) return refused;
      const correctUntil = row.correctUntil ?? now + correctionMs;
      const span = beginSpan(row);
      const { traceparent } = traceHeaders(span);
      const giver = { labelledBy: labelledBy ?? null, trusted: trusted ?? true };
      this.queue.setLabel(id, { label, answeredBy: holder, ...giver, correctUntil, traceparent });
      this.jobs.put("deliver", id, now + jobRetryMs);
      this.jobs.put("remove", id, correctUntil);
      this.log("answered", id, row.region, span, row.queuedAt);
      return null;
    });
    if (refusal) return fail(refusal);
    await this.decisions.deliverNow(id);
    return ok(null);
  }

  skip(id: string, holder: string): Result<null, ReviewRefusal> {
    return this.transaction(() => {
      const refusal = refuseSkip(this.queue.find(id), holder);
      if (refusal) return fail(refusal);
      this.queue.skip(id, holder, Date.now());
      return ok(null);
    });
  }

  async flag(id: string, reason: string, holder: string): Promise<Result<null, ReviewRefusal>> {
    const now = Date.now();
    const refusal = this.transaction(() => {
      const refused = refuseFlag(this.queue.find(id), holder, now);
      if (refused) return refused;
      this.queue.flag(id, holder, reason, now);
      this.jobs.put("close", id, now + jobRetryMs);
      this.jobs.put("remove", id, now + questionKeepMs);
      return null;
    });
    if (refusal) return fail(refusal);
    await this.decisions.closeNow(id);
    return ok(null);
  }

  flagged(regions: string[] | null): FlaggedQuestion[] {
    return this.queue.flagged(regions, reviewMaxQuestions);
  }

  withdraw(ids: string[]): void {
    for (const id of ids) if (this.queue.find(id)?.label === null) this.remove(id);
  }

  forget(ids: string[]): void {
    for (const id of ids) this.remove(id);
  }

  forgetRegion(region: string): void {
    this.transaction(() => this.queue.removeRegion(region));
  }

  size(regions: string[] | null = null): number {
    return this.queue.waiting(regions);
  }

  private remove(id: string): void {
    this.transaction(() => {
      this.queue.remove(id);
      for (const kind of ["deliver", "close", "remove"]) this.jobs.drop(kind, id);
    });
  }

  private log(event: LogEvent, id: string, region: string, span: TraceSpan, since = Date.now()): void {
    if (this.env.LOG_ANSWERS === "off") return;
    logLine({ event, rung: "human", model: this.model, region, span, ids: [id], ms: Date.now() - since });
  }
}
