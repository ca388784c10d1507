import type { Answer, ClassifyManifest, Question, TraceEntry } from "#core/contract/index.ts";
import { outcomeOf } from "#core/log.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { type Hop, nextRungTimeoutMs } from "#core/rung/rung.ts";
import { beginSpan, type Span, traceHeaders } from "#core/trace-context.ts";
import type { IncomingQuestion, QuestionConflict, RegionReply } from "../api.ts";
import type { RegionContext } from "../context.ts";
import { logHere } from "../log.ts";
import type { Duties } from "../scheduled.ts";
import { type Escalation, escalationBackoffMs } from "./escalation.ts";
import { recordOf, store } from "./intake.ts";

/** How questions come in: each is stored first, then answered from memory or from above. */
export class Asking {
  private readonly context: RegionContext;
  private readonly escalate: Escalation;
  private readonly duties: Duties;

  constructor(context: RegionContext, escalate: Escalation, duties: Duties) {
    this.context = context;
    this.escalate = escalate;
    this.duties = duties;
  }

  /** Takes questions that the edge was not sure of, each once, and answers as far as memory and the rungs above do in time. */
  async ask(base: number, questions: Question[], from: Hop): Promise<Result<RegionReply, QuestionConflict>> {
    const span = beginSpan(from);
    const hop = { ...from, ...traceHeaders(span) };
    const { manifests, semanticCache, waiters, counts } = this.context;
    const arrivedAt = Date.now();
    const deadline = arrivedAt + hop.remainingMs;
    // Should this instance die while the next rung is asked, the job asks again.
    const escalateAt = arrivedAt + Math.min(hop.remainingMs, nextRungTimeoutMs) + escalationBackoffMs;
    const manifest = await manifests.get(base);
    const arrivals = questions.map((question) => ({ question, answer: semanticCache.answer(manifest, question) }));
    const stored = await this.take(manifest, arrivals, hop, escalateAt);
    if (!stored.ok) return stored;
    counts.asked(base, stored.value.size);
    for (const { question, answer } of arrivals) {
      if (answer && stored.value.has(question.id))
        counts.answered(base, answer.rung, answer.accepted, Date.now() - arrivedAt);
    }
    this.log(
      arrivals.filter(({ question }) => stored.value.has(question.id)),
      span,
    );
    const groups = Map.groupBy(questions, ({ id }) => this.stateOf(id));
    const [traces, known] = await Promise.all([
      this.escalate.escalate(manifest, groups.get("idle") ?? [], hop, span),
      this.tracesOf(manifest, groups.get("answered") ?? [], hop),
      ...(groups.get("busy") ?? []).map(({ id }) => waiters.wait(id, deadline - Date.now())),
    ]);
    return ok(this.reply(base, questions, new Map([...traces, ...known]), hop.trace));
  }

  /** Keeps questions that the edge answered itself, each once: the first answer to an id stays. */
  async keep(base: number, arrivals: IncomingQuestion[], hop: Hop): Promise<Result<RegionReply, QuestionConflict>> {
    const manifest = await this.context.manifests.get(base);
    const stored = await this.take(manifest, arrivals, hop, 0);
    if (!stored.ok) return stored;
    this.context.counts.asked(base, 0);
    const questions = arrivals.map(({ question }) => question);
    const traces = await this.tracesOf(manifest, questions, hop);
    return ok(this.reply(base, questions, traces, hop.trace));
  }

  /** Stores questions, and gives the ids of those that are new. */
  private async take(
    manifest: ClassifyManifest,
    arrivals: IncomingQuestion[],
    hop: Hop,
    escalateAt: number,
  ): Promise<Result<Set<string>, QuestionConflict>> {
    const { questions, jobs } = this.context;
    await this.duties.welcome(manifest.version);
    const isNew = new Set(arrivals.flatMap(({ question: { id } }) => (questions.find(id) ? [] : [id])));
    const records = await Promise.all(
      arrivals.map((arrival) => recordOf(this.context, manifest, arrival, hop, escalateAt)),
    );
    const conflict = store(this.context, manifest, records);
    if (conflict) return fail(conflict);
    const toAudit = manifest.policy.ladder.includes("human")
      ? records.filter(({ id, audited }) => audited && isNew.has(id))
      : [];
    for (const { id } of toAudit) questions.setReview(id, Date.now());
    if (toAudit.length > 0) jobs.bring("review", "", Date.now());
    this.duties.begin(manifest);
    return ok(isNew);
  }

  private log(arrivals: readonly IncomingQuestion[], span: Span): void {
    const idsOf = (some: readonly IncomingQuestion[]) => some.map(({ question }) => question.id);
    const fromCache = arrivals.filter(({ answer }) => answer !== null);
    const answers = fromCache.map(({ answer }) => answer as Answer);
    logHere(this.context, { event: "stored", span, ids: idsOf(arrivals.filter(({ answer }) => answer === null)) });
    logHere(this.context, { event: "answered-from-cache", span, ids: idsOf(fromCache) }, outcomeOf(answers));
  }

  /** `busy` where another call is asking the next rung about it just now. */
  private stateOf(id: string): "answered" | "idle" | "busy" {
    if (this.context.questions.find(id)?.answer.status !== "open") return "answered";
    return this.escalate.isInFlight(id) ? "busy" : "idle";
  }

  private tracesOf(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<Map<string, TraceEntry[]>> {
    return hop.trace ? this.escalate.traces(manifest, questions, hop) : Promise.resolve(new Map());
  }

  private reply(base: number, questions: readonly Question[], traces: Map<string, TraceEntry[]>, trace: boolean) {
    const answers = questions.map(({ id }): Answer => {
      const answer = this.context.questions.find(id)?.answer as Answer;
      return trace ? { ...answer, trace: traces.get(id) ?? [] } : answer;
    });
    return { answers, headRevision: this.context.heads.pointer(base).revision };
  }
}
