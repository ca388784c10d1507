import { elapsedMs } from "#core/clock.ts";
import type { Answer, ClassifyManifest, Question, TraceEntry } from "#core/contract/index.ts";
import type { Admission, Saturated } from "#core/limits/admission.ts";
import { outcomeOf } from "#core/log.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { Hop } from "#core/rung/rung.ts";
import { beginSpan, type TraceSpan, traceHeaders } from "#core/trace-context.ts";
import { within } from "#core/within.ts";
import type { AskRefusal, IncomingQuestion, RegionReply } from "../api.ts";
import type { Manifests } from "../artefacts.ts";
import type { RegionJobs } from "../jobs.ts";
import type { RegionCounter } from "../tables/counts.ts";
import type { Heads } from "../tables/heads.ts";
import type { Questions, StoredQuestion } from "../tables/questions.ts";
import { shownAnswer } from "./answers.ts";
import { type Escalation, escalationBackoffMs } from "./escalation.ts";
import type { Intake } from "./intake.ts";
import type { Log } from "./log.ts";
import type { SemanticCache } from "./semantic-cache.ts";
import type { Spending } from "./spending.ts";
import type { Waiters } from "./waiters.ts";

/** What asking reads and changes. */
interface AskingNeeds {
  isOnNode: boolean;
  manifests: Pick<Manifests, "get">;
  admission: Admission;
  questions: Pick<Questions, "find" | "hold" | "release" | "backlog">;
  heads: Pick<Heads, "pointer">;
  counts: Pick<RegionCounter, "asked" | "answered" | "begin" | "end">;
  semanticCache: Pick<SemanticCache, "answers">;
  intake: Intake;
  escalation: Escalation;
  waiters: Pick<Waiters, "wait">;
  spending: Pick<Spending, "arrived">;
  scheduled: Pick<RegionJobs, "start" | "inheritCertificate">;
  log: Log;
  /** Resolves once what was written is stored. */
  stored: () => Promise<void>;
  /** Keeps the object awake for work that goes on after the reply. */
  later: (work: Promise<unknown>) => void;
}

/** Stored questions in progress: the work that is left, the deadline of the caller's wait, and the reply at any moment. */
interface Underway {
  work: Promise<Map<string, TraceEntry[]>>;
  waitUntil: number;
  /** When the rungs above are asked again about what this instance can't end. */
  escalateAt: number;
  reply: (traces: Map<string, TraceEntry[]>) => RegionReply;
}

/** How often the questions that wait for the next rung are counted. */
const backlogCountMs = 1_000;

/** Takes questions: each is stored first, then answered by the semantic cache or by the rungs above. */
export class Asking {
  private readonly needs: AskingNeeds;
  private backlog = { n: 0, at: 0 };

  constructor(needs: AskingNeeds) {
    this.needs = needs;
  }

  /**
   * Stores escalated questions, each once, and answers those that the semantic cache or the rungs above answer while the caller
   * waits. The others go on. Refuses them before anything is stored.
   */
  async ask(base: number, questions: Question[], hop: Hop): Promise<Result<RegionReply, AskRefusal>> {
    const refusal = this.enter(hop, questions.length);
    if (refusal) return fail(refusal);
    let isIn = true;
    const leave = () => {
      if (isIn) this.needs.admission.leave(hop.owner, questions.length);
      isIn = false;
    };
    const ids = questions.map(({ id }) => id);
    // What the reply needs of a question is read before it is released.
    this.needs.questions.hold(ids);
    this.needs.counts.begin();
    const release = () => {
      this.needs.questions.release(ids);
      this.needs.counts.end();
    };
    let asked: Result<Underway, AskRefusal>;
    try {
      asked = await this.storeAndEscalate(base, questions, hop);
    } catch (error) {
      leave();
      release();
      throw error;
    }
    if (!asked.ok) {
      leave();
      release();
      return asked;
    }
    const { work, reply, waitUntil, escalateAt } = asked.value;
    // A reply waits until what was written is stored.
    const traces = work.finally(() => void this.needs.stored().then(leave, leave));
    const replied = traces.then(reply).finally(release);
    const goOn = () => {
      this.needs.later(replied.catch(logFailure));
      this.needs.escalation.escalateInTime(ids, escalateAt);
      return reply(new Map<string, TraceEntry[]>());
    };
    return ok(await within(waitUntil - Date.now(), replied, goOn));
  }

  private async storeAndEscalate(
    base: number,
    questions: Question[],
    from: Hop,
  ): Promise<Result<Underway, AskRefusal>> {
    const span = beginSpan(from);
    const hop = { ...from, ...traceHeaders(span) };
    const { manifests, semanticCache, waiters, counts } = this.needs;
    const arrivedAt = Date.now();
    const waitUntil = arrivedAt + Math.min(hop.remainingMs, hop.waitMs ?? hop.remainingMs);
    const manifest = await manifests.get(base);
    const timeoutMs = this.needs.escalation.timeoutMs(manifest);
    const escalateAt = arrivedAt + Math.min(hop.remainingMs, timeoutMs) + escalationBackoffMs;
    const cached = semanticCache.answers(manifest, questions);
    const arrivals = questions.map((question, i) => ({ question, answer: cached[i] ?? null }));
    const stored = await this.store(manifest, arrivals, hop);
    if (!stored.ok) return stored;
    counts.asked(base, stored.value.size);
    this.needs.spending.arrived(manifest, stored.value.size);
    for (const { question, answer } of arrivals) {
      if (answer && stored.value.has(question.id))
        counts.answered(base, answer.rung, answer.accepted, Date.now() - arrivedAt);
    }
    this.logStored(
      arrivals.filter(({ question }) => stored.value.has(question.id)),
      span,
    );
    const groups = Map.groupBy(questions, ({ id }) => this.stateOf(id));
    const work = Promise.all([
      this.needs.escalation.escalate(manifest, groups.get("idle") ?? [], hop, span),
      this.tracesOf(manifest, groups.get("answered") ?? [], hop),
      ...(groups.get("busy") ?? []).map(({ id }) => waiters.wait(id, waitUntil - Date.now())),
    ]).then(([traces, known]) => new Map([...traces, ...known]));
    return ok({ work, waitUntil, escalateAt, reply: (traces) => this.reply(base, questions, traces, hop.trace) });
  }

  /** Stores questions that the edge answered, each once: the first answer to an id stays. */
  async keep(base: number, arrivals: IncomingQuestion[], hop: Hop): Promise<Result<RegionReply, AskRefusal>> {
    const refusal = this.enter(hop, arrivals.length);
    if (refusal) return fail(refusal);
    const ids = arrivals.map(({ question }) => question.id);
    this.needs.questions.hold(ids);
    this.needs.counts.begin();
    try {
      const manifest = await this.needs.manifests.get(base);
      const stored = await this.store(manifest, arrivals, hop);
      if (!stored.ok) return stored;
      this.needs.counts.asked(base, 0);
      const questions = arrivals.map(({ question }) => question);
      const traces = await this.tracesOf(manifest, questions, hop);
      return ok(this.reply(base, questions, traces, hop.trace));
    } finally {
      this.needs.questions.release(ids);
      this.needs.counts.end();
      const leave = () => this.needs.admission.leave(hop.owner, arrivals.length);
      void this.needs.stored().then(leave, leave);
    }
  }

  private enter({ owner, limits }: Hop, questions: number): Saturated | null {
    return this.needs.admission.enter(owner, questions, limits, () => this.backlogAt(Date.now()), Date.now());
  }

  private backlogAt(now: number): number {
    if (elapsedMs(this.backlog.at, now) >= backlogCountMs)
      this.backlog = { n: this.needs.questions.backlog(), at: now };
    return this.backlog.n;
  }

  /** Stores questions and returns the ids of the new ones. */
  private async store(
    manifest: ClassifyManifest,
    arrivals: IncomingQuestion[],
    hop: Hop,
  ): Promise<Result<Set<string>, AskRefusal>> {
    const { intake, scheduled } = this.needs;
    await scheduled.inheritCertificate(manifest.version);
    const stored = intake.store(manifest, await intake.recordsOf(manifest, arrivals, hop), hop.limits);
    if (stored.ok) scheduled.start(manifest);
    return stored;
  }

  private logStored(arrivals: readonly IncomingQuestion[], span: TraceSpan): void {
    const idsOf = (some: readonly IncomingQuestion[]) => some.map(({ question }) => question.id);
    const fromCache = arrivals.filter(({ answer }) => answer !== null);
    const answers = fromCache.map(({ answer }) => answer as Answer);
    this.needs.log({ event: "stored", span, ids: idsOf(arrivals.filter(({ answer }) => answer === null)) });
    this.needs.log({ event: "answered-from-cache", span, ids: idsOf(fromCache) }, outcomeOf(answers));
  }

  /** Returns `busy` while another call is asking the next rung about the question. */
  private stateOf(id: string): "answered" | "idle" | "busy" {
    if (this.needs.questions.find(id)?.answer.status !== "open") return "answered";
    return this.needs.escalation.isInFlight(id) ? "busy" : "idle";
  }

  private tracesOf(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<Map<string, TraceEntry[]>> {
    return hop.trace ? this.needs.escalation.traces(manifest, questions, hop) : Promise.resolve(new Map());
  }

  private reply(base: number, questions: readonly Question[], traces: Map<string, TraceEntry[]>, trace: boolean) {
    const answers = questions.map(({ id }): Answer => {
      const answer = shownAnswer(this.needs.questions.find(id) as StoredQuestion, this.needs.isOnNode);
      return trace ? { ...answer, trace: traces.get(id) ?? [] } : answer;
    });
    return { answers, headRevision: this.needs.heads.pointer(base).revision };
  }
}

function logFailure(error: unknown): void {
  console.error(JSON.stringify({ event: "escalation-failed", error: String(error) }));
}
