import type { Answer, ClassifyManifest, Question, TraceEntry } from "#core/contract/index.ts";
import { type LogEvent, logLine, outcomeOf } from "#core/log.ts";
import { HttpRung } from "#core/rung/http-rung.ts";
import { type Hop, nextRungTimeoutMs, RungUnavailableError } from "#core/rung/rung.ts";
import { beginSpan, type Span, traceHeaders } from "#core/trace-context.ts";
import type { ReviewApi } from "../../review/api.ts";
import type { Remote } from "../../stubs.ts";
import type { CanaryCounts } from "../labels/canary-counts.ts";
import { type KeepSampleNeeds, keepSample } from "../labels/keep-sample.ts";
import { type LogNeeds, logHere } from "../log.ts";
import type { Manifests } from "../manifests.ts";
import { questionOf, type StoredQuestion } from "../tables/questions.ts";
import { opinionOf } from "./answers.ts";
import { Breaker } from "./breaker.ts";
import { type SettleNeeds, settle } from "./settle.ts";

const escalationTries = 6;
export const escalationBackoffMs = 1_000;

const batchSize = 256;
/** Of the six connections that an object may open at a time. */
const escalationsAtOnce = 4;

/** What became of a question; null where it had been settled meanwhile. */
type Outcome = LogEvent | null;

/** What escalating questions touches. */
export type EscalationNeeds = SettleNeeds &
  KeepSampleNeeds &
  LogNeeds & {
    env: Pick<Env, "NEXT_RUNG_URL" | "NEXT_RUNG_TOKEN" | "NODE_ID">;
    storage: Pick<DurableObjectStorage, "transactionSync">;
    manifests: Pick<Manifests, "get">;
    canary: Pick<CanaryCounts, "labelled">;
    review: () => Pick<Remote<ReviewApi>, "enqueue">;
  };

/** How questions leave the region upwards: to the next rung, and from there to a person. */
export class Escalation {
  readonly breaker = new Breaker();
  private readonly needs: EscalationNeeds;
  /** Who is being asked about just now, in this instance. */
  private readonly inFlight = new Set<string>();

  constructor(needs: EscalationNeeds) {
    this.needs = needs;
  }

  isInFlight(id: string): boolean {
    return this.inFlight.has(id);
  }

  /**
   * Asks the next rung about stored, open questions, and keeps what it says. Whatever goes wrong, each question ends
   * answered, or with a time at which it escalates again, or on its way to a person. Gives the rung's traces by id.
   */
  async escalate(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
    span: Span,
  ): Promise<Map<string, TraceEntry[]>> {
    if (questions.length === 0) return new Map();
    const ids = questions.map((question) => question.id);
    const startedAt = Date.now();
    if (!this.hasNextRung(manifest)) {
      this.log(new Map(ids.map((id) => [id, this.passOn(manifest, id)])), span, 0);
      return new Map();
    }
    for (const id of ids) this.inFlight.add(id);
    try {
      const answers = await this.askNext(questions, hop);
      const outcomes = this.needs.storage.transactionSync(
        () => new Map(answers.map((answer) => [answer.id, this.take(manifest, answer)])),
      );
      this.log(outcomes, span, Date.now() - startedAt);
      return new Map(answers.map((answer) => [answer.id, answer.trace ?? []]));
    } catch (error) {
      if (!(error instanceof RungUnavailableError)) throw error;
      const { model, region, storage } = this.needs;
      const ms = Date.now() - startedAt;
      const line = { event: "next-rung-unavailable", rung: "region", model, region, span, ids, ms } as const;
      logLine(line, { reason: error.message }, console.warn);
      const outcomes = storage.transactionSync(() => new Map(ids.map((id) => [id, this.escalateLater(manifest, id)])));
      this.log(outcomes, span, ms);
      return new Map();
    } finally {
      for (const id of ids) this.inFlight.delete(id);
    }
  }

  /** Only the scores of the rungs above: nothing is kept. Empty when they can't be had. */
  async traces(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<Map<string, TraceEntry[]>> {
    if (questions.length === 0 || !this.hasNextRung(manifest)) return new Map();
    try {
      const answers = await this.askNext(questions, hop);
      return new Map(answers.map((answer) => [answer.id, answer.trace ?? []]));
    } catch (error) {
      if (!(error instanceof RungUnavailableError)) throw error;
      return new Map();
    }
  }

  /** The job `escalate`: questions whose time has come go up again. */
  async escalateDue(): Promise<number | null> {
    const { questions } = this.needs;
    const due = questions.dueToEscalate(Date.now(), batchSize);
    // Each under the trace that it was asked in.
    const groups = [...Map.groupBy(due, ({ base, traceparent }) => `${base} ${traceparent}`).values()];
    for (let i = 0; i < groups.length; i += escalationsAtOnce) {
      await Promise.all(groups.slice(i, i + escalationsAtOnce).map((rows) => this.escalateAgain(rows)));
    }
    return questions.nextEscalation();
  }

  private async escalateAgain(rows: readonly StoredQuestion[]): Promise<void> {
    const { manifests, region } = this.needs;
    const [{ base, traceparent }] = rows as [StoredQuestion];
    const span = beginSpan({ traceparent });
    const questions = rows.map((row) => questionOf(row, region));
    await this.escalate(await manifests.get(base), questions, { ...this.hopOfOwn(), ...traceHeaders(span) }, span);
  }

  /** The job `review`: hands open questions to the human rung, which takes each once. */
  async reviewDue(): Promise<number | null> {
    const { questions, jobs, review, region } = this.needs;
    const due = questions.dueToReview(batchSize);
    if (due.length === 0) return null;
    const items = due.map((row) => {
      const { answer: provisional, opinions, traceparent } = row;
      return { ...questionOf(row, region), provisional, opinions, traceparent };
    });
    await review().enqueue(items);
    for (const { id } of due) {
      if (!questions.setInReview(id)) jobs.put("withdraw", id, Date.now());
    }
    return Date.now();
  }

  /** Sends a question that no rung was sure of to a person; where there is none, the best answer so far stands. */
  passOn(manifest: ClassifyManifest, id: string): Outcome {
    const { questions, jobs } = this.needs;
    questions.setEscalation(id, null, 0);
    if (manifest.policy.ladder.includes("human")) {
      questions.setReview(id, Date.now());
      jobs.bring("review", "", Date.now());
      return "escalated-to-review";
    }
    const row = questions.find(id);
    return row && settle(this.needs, manifest, { ...row.answer, status: "answered" }) ? "answered" : null;
  }

  private hasNextRung(manifest: ClassifyManifest): boolean {
    return manifest.policy.ladder.includes("origin") && this.needs.env.NEXT_RUNG_URL !== "";
  }

  private async askNext(questions: readonly Question[], hop: Hop): Promise<Answer[]> {
    if (!this.breaker.allows(Date.now())) throw new RungUnavailableError("the circuit to the next rung is open");
    const { env, model } = this.needs;
    const rung = new HttpRung({
      name: "origin",
      model,
      url: env.NEXT_RUNG_URL,
      token: env.NEXT_RUNG_TOKEN,
      timeoutMs: nextRungTimeoutMs,
    });
    try {
      const replies = await rung.ask(questions, hop);
      this.breaker.succeeded();
      return replies.map((reply) => reply.answer);
    } catch (error) {
      this.breaker.failed(Date.now());
      throw error;
    }
  }

  private take(manifest: ClassifyManifest, traced: Answer): Outcome {
    const { questions } = this.needs;
    const { trace: _, ...answer } = traced;
    if (answer.status === "open") {
      // The node above has it, and will know the answer when it is asked again.
      return this.escalateLater(manifest, answer.id);
    }
    // An audit asks a person though the rung is sure.
    if (!answer.accepted || questions.find(answer.id)?.audited) questions.addOpinion(answer.id, opinionOf(answer));
    if (answer.accepted) {
      if (!settle(this.needs, manifest, answer)) return null;
      this.needs.canary.labelled(answer.id, answer.label, "origin");
      this.learnFrom(manifest, answer);
      return "answered";
    }
    questions.setAnswer({ ...answer, status: "open" });
    return this.passOn(manifest, answer.id);
  }

  // Where a model has no other labels, the origin's train a little; they never judge or certify.
  private learnFrom(manifest: ClassifyManifest, { id, label }: Answer): void {
    const { originLabelWeight, keepInputs } = manifest.policy;
    const row = originLabelWeight > 0 ? this.needs.questions.find(id) : null;
    if (!row) return;
    const instance = keepInputs ? row.instance : null;
    const known = { owner: row.owner, label, source: "origin", labelledAt: row.at } as const;
    keepSample(this.needs, manifest, { ...row, instance, ...known });
  }

  private escalateLater(manifest: ClassifyManifest, id: string): Outcome {
    const { questions, jobs } = this.needs;
    const row = questions.find(id);
    if (row?.answer.status !== "open") return null;
    const tries = row.tries + 1;
    if (tries >= escalationTries) {
      return this.passOn(manifest, id);
    }
    const at = Date.now() + escalationBackoffMs * 2 ** row.tries;
    questions.setEscalation(id, at, tries);
    jobs.bring("escalate", "", at);
    return "deferred";
  }

  private log(outcomes: ReadonlyMap<string, Outcome>, span: Span, ms: number): void {
    for (const [event, all] of Map.groupBy(outcomes, ([, outcome]) => outcome)) {
      const ids = all.map(([id]) => id);
      const [first = ""] = ids;
      const row = ids.length === 1 ? this.needs.questions.find(first) : null;
      if (event) logHere(this.needs, { event, span, ids, ms }, row ? outcomeOf([row.answer]) : {});
    }
  }

  private hopOfOwn(): Hop {
    return { owner: "", remainingMs: nextRungTimeoutMs, via: [this.needs.env.NODE_ID], trace: false };
  }
}
