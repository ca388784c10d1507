import { BoundedMap } from "#core/bounded-map.ts";
import { learnsFromAbove } from "#core/confidence/from-above.ts";
import type { Answer, ClassifyManifest, Question, TraceEntry } from "#core/contract/index.ts";
import { logLine, outcomeOf } from "#core/log.ts";
import { restricts, withinCandidates } from "#core/rung/candidates.ts";
import type { Hop, RungUnavailableError } from "#core/rung/rung.ts";
import { beginSpan, type TraceSpan, traceHeaders } from "#core/trace-context.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { Manifests } from "../artefacts.ts";
import type { SampleKeeper } from "../labels/sample-keeper.ts";
import { type GivenScores, type Questions, questionOf, type StoredQuestion } from "../tables/questions.ts";
import { opinionOf } from "./answers.ts";
import type { Log, Outcome } from "./log.ts";
import { type AboveReply, mayPass, type NextRung } from "./next-rung.ts";
import type { People } from "./people.ts";
import type { Settlement } from "./settlement.ts";
import { LeftOutError } from "./spending.ts";
import type { Worth } from "./worth.ts";

/** How often the next rung is asked about a question before a person is. */
const escalationTries = 6;
export const escalationBackoffMs = 1_000;
/** On a node, how often at least the rung above is tried about a question, and read about one that it has stored. */
const cutRetryMaxMs = 60_000;
const heldMax = 50_000;
const held = { leastMs: 1_000, mostMs: 10_000, shareOfAge: 1 / 10 };

/** Questions that one step of a job takes. */
const batchSize = 256;
/** Requests to the next rung at a time: an object may open six connections. */
const escalationsAtOnce = 4;

/** What escalation reads and changes. */
interface EscalationNeeds {
  model: string;
  region: string;
  nodeId: string;
  /** Whether the region is on a node: then questions wait for the rung above until it can be reached. */
  isOnNode: boolean;
  /** The proof that a request has passed this node. */
  stamp: () => Promise<string>;
  nextRung: NextRung;
  people: Pick<People, "ask" | "askWhileFew">;
  manifests: Pick<Manifests, "get">;
  questions: Questions;
  settlement: Settlement;
  worth: Pick<Worth, "combiner">;
  sampleKeeper: SampleKeeper;
  jobs: Pick<Jobs, "put" | "bringForward">;
  log: Log;
  /** Records the label that a person gave above to a node's question. */
  labelFromAbove: (answer: Answer) => Promise<void>;
  transaction: <T>(work: () => T) => T;
}

/** Escalates stored questions: to the next rung, and from there to a person. */
export class Escalation {
  private readonly needs: EscalationNeeds;
  /** The questions that this instance is asking the next rung about. */
  private readonly inFlight = new Set<string>();
  /** The open questions that the rung above has stored. In memory: what is forgotten is asked about again. */
  private readonly heldAbove = new BoundedMap<string, true>(heldMax);

  constructor(needs: EscalationNeeds) {
    this.needs = needs;
  }

  isInFlight(id: string): boolean {
    return this.inFlight.has(id);
  }

  /**
   * Asks the next rung about stored, open questions and stores its answers. Whatever fails, each question ends answered,
   * scheduled to escalate again, or on its way to a person. Returns the rung's traces by id.
   */
  async escalate(
    manifest: ClassifyManifest,
    all: readonly Question[],
    hop: Hop,
    span: TraceSpan,
  ): Promise<Map<string, TraceEntry[]>> {
    const { questions: known, nextRung, transaction } = this.needs;
    const isKept = all.map(({ id }) => known.find(id)?.route === "keep");
    const kept = all.filter((_, i) => isKept[i]);
    if (kept.length > 0) this.endAll(kept, span, (id) => this.needs.people.askWhileFew(manifest, id));
    const questions = all.filter((_, i) => !isKept[i]);
    if (questions.length === 0) return new Map();
    const ids = questions.map((question) => question.id);
    const startedAt = Date.now();
    if (!nextRung.isPresent(manifest)) {
      this.endAll(questions, span, (id) => this.needs.people.ask(manifest, id));
      return new Map();
    }
    for (const id of ids) this.inFlight.add(id);
    known.hold(ids);
    try {
      const replies = await nextRung.ask(manifest, questions, hop);
      await this.take(manifest, replies, span, Date.now() - startedAt);
      return new Map(replies.flatMap(({ id, answer }) => (answer ? [[id, this.traceOf(manifest, answer)]] : [])));
    } catch (error) {
      // Not the rung's: what failed here may work later.
      transaction(() => {
        for (const id of ids) this.escalateLater(manifest, id);
      });
      throw error;
    } finally {
      for (const id of ids) this.inFlight.delete(id);
      known.release(ids);
    }
  }

  /**
   * Schedules those of some questions about which this instance is asking the next rung: their callers are told that they are
   * open, and another instance is to ask again if this one is evicted.
   */
  escalateInTime(ids: readonly string[], at: number): void {
    const { questions, jobs, transaction } = this.needs;
    transaction(() => {
      const rows = questions.findAll(ids.filter((id) => this.isInFlight(id)));
      const left = rows.filter((row) => row?.answer.status === "open" && row.escalateAt === null);
      for (const row of left) if (row) questions.setEscalation(row.id, at, row.tries);
      if (left.length > 0) jobs.bringForward("escalate", "", at);
    });
  }

  private endAll(questions: readonly Question[], span: TraceSpan, end: (id: string) => Outcome): void {
    const outcomes = this.needs.transaction(() => new Map(questions.map(({ id }) => [id, end(id)])));
    this.logOutcomes(outcomes, span, 0);
  }

  /** Stores what the rungs above said. */
  private async take(
    manifest: ClassifyManifest,
    replies: readonly AboveReply[],
    span: TraceSpan,
    ms: number,
  ): Promise<void> {
    this.logUnanswered(replies, span, ms);
    const labelled = replies.flatMap(({ answer }) => (answer && this.isFromPeople(answer) ? [answer] : []));
    const outcomes = this.needs.transaction(() => {
      const combine = this.needs.worth.combiner(manifest);
      return new Map(
        replies.map(({ id, answer, given, error }) => [
          id,
          answer ? this.record(manifest, answer, given, combine) : this.withoutAnswer(manifest, id, error),
        ]),
      );
    });
    this.logOutcomes(outcomes, span, ms);
    for (const answer of labelled) await this.needs.labelFromAbove(answer);
  }

  /** Whether a person above gave a node's question its label, which counts as one of a person here. */
  private isFromPeople({ rung, status, accepted }: Answer): boolean {
    return this.needs.isOnNode && rung === "human" && status === "answered" && accepted;
  }

  /** Returns the trace of the rungs above, with the scores that were combined with the edge's. */
  private traceOf({ labels }: ClassifyManifest, { id, version, scores, trace }: Answer): TraceEntry[] {
    if (!trace) return [];
    const answer = this.needs.questions.find(id)?.answer;
    const isStacked = answer?.version === version && labels.some((label) => answer.scores[label] !== scores[label]);
    if (!isStacked) return trace;
    return [...trace, { head: "stacked", version, scores: labels.map((label) => answer.scores[label] ?? 0) }];
  }

  /** Returns the traces of the rungs above without storing anything; empty where they do not answer. */
  async traces(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<Map<string, TraceEntry[]>> {
    if (questions.length === 0 || !this.needs.nextRung.isPresent(manifest)) return new Map();
    const replies = await this.needs.nextRung.ask(manifest, questions, hop);
    return new Map(replies.flatMap(({ id, answer }) => (answer ? [[id, answer.trace ?? []]] : [])));
  }

  /** Returns how long the rungs above may take, in ms. */
  timeoutMs(manifest: ClassifyManifest): number {
    return this.needs.nextRung.timeoutMs(manifest);
  }

  /** The job `escalate`: escalates the questions that are due. */
  async escalateDue(): Promise<number | null> {
    const { questions } = this.needs;
    const all = questions.dueToEscalate(Date.now(), batchSize);
    // What a call is asking about ends with it.
    const idle = all.filter(({ id }) => !this.isInFlight(id));
    const unheld = this.unlessCut(idle.filter(({ id }) => !this.heldAbove.has(id)));
    const due = [...unheld, ...(await this.readHeld(idle))];
    // Each question stays in the trace that it was asked in.
    const groups = [...Map.groupBy(due, ({ base, traceparent }) => `${base} ${traceparent}`).values()];
    for (let i = 0; i < groups.length; i += escalationsAtOnce) {
      await Promise.all(groups.slice(i, i + escalationsAtOnce).map((rows) => this.escalateAgain(rows)));
    }
    const next = questions.nextEscalation();
    return next === null || idle.length === all.length ? next : Math.max(next, Date.now() + escalationBackoffMs);
  }

  /** Puts off, on a node that is cut off, what was tried often: each attempt would cost a log line and prove nothing. */
  private unlessCut(rows: readonly StoredQuestion[]): readonly StoredQuestion[] {
    const { isOnNode, nextRung, questions, transaction } = this.needs;
    if (!isOnNode || nextRung.breakerState() === "closed") return rows;
    const at = Date.now() + cutRetryMaxMs;
    const isOld = ({ tries }: StoredQuestion) => tries > escalationTries;
    transaction(() => {
      for (const { id, tries } of rows.filter(isOld)) questions.setEscalation(id, at, tries);
    });
    return rows.filter((row) => !isOld(row));
  }

  /** Reads the answers to questions that the rung above has stored. Returns those about which it has to be asked again. */
  private async readHeld(idle: readonly StoredQuestion[]): Promise<StoredQuestion[]> {
    const { manifests, region, nextRung } = this.needs;
    const rows = idle.filter(({ id }) => this.heldAbove.has(id));
    const unknown: StoredQuestion[] = [];
    for (const [base, some] of Map.groupBy(rows, (row) => row.base)) {
      const manifest = await manifests.get(base);
      const startedAt = Date.now();
      const found = await nextRung.readHeld(
        manifest,
        some.map((row) => questionOf(row, region)),
      );
      const replies = some.flatMap((row, i): AboveReply[] => {
        const reply = found?.[i] ?? null;
        if (reply === null) unknown.push(row);
        if (reply === null || reply instanceof Error) return [];
        return [{ id: row.id, answer: reply.answer, given: [], error: null }];
      });
      for (const { id } of unknown) this.heldAbove.delete(id);
      await this.take(manifest, replies, beginSpan({ traceparent: null }), Date.now() - startedAt);
    }
    return unknown;
  }

  /** Asks about everything at once that waits since the rung above could not be reached. */
  escalateNow(): void {
    const { questions, nextRung, jobs } = this.needs;
    nextRung.isBack();
    const now = Date.now();
    if (questions.bringForward(now)) jobs.bringForward("escalate", "", now);
  }

  private async escalateAgain(rows: readonly StoredQuestion[]): Promise<void> {
    const { manifests, region } = this.needs;
    const [{ base, traceparent }] = rows as [StoredQuestion];
    const span = beginSpan({ traceparent });
    const questions = rows.map((row) => questionOf(row, region));
    const manifest = await manifests.get(base);
    await this.escalate(manifest, questions, { ...(await this.ownHop(manifest)), ...traceHeaders(span) }, span);
  }

  private record(
    manifest: ClassifyManifest,
    traced: Answer,
    scores: GivenScores[],
    combine: ReturnType<Worth["combiner"]>,
  ): Outcome {
    const { questions } = this.needs;
    const { trace: _, ...given } = traced;
    if (given.status === "open" || this.isFromPeople(given)) {
      // The node above has stored it and can answer when it is asked again.
      return this.needs.isOnNode ? this.hold(given.id) : this.escalateLater(manifest, given.id);
    }
    this.heldAbove.delete(given.id);
    const row = questions.find(given.id);
    if (!row) return null;
    // The rung above may serve a version with other labels.
    const answer = withinCandidates(given, manifest.labels, row.candidates);
    const combined = combine(row, answer);
    questions.setAbove(answer.id, { ...answer, given: scores });
    // An audit asks a person although the rung accepted the answer.
    if (!combined.accepted || row.audited) questions.addOpinion(answer.id, opinionOf(answer));
    // The rung above was asked for the comparison only: it has not been shown to be better.
    if (row.route === "explore") return this.needs.people.askWhileFew(manifest, answer.id);
    if (combined.accepted) {
      if (!this.needs.settlement.settle(manifest, combined)) return null;
      // The best of some candidates is not what the origin takes for the truth.
      if (restricts(manifest.labels, row.candidates)) return "answered";
      this.learnFrom(manifest, answer);
      return "answered";
    }
    questions.setAnswer({ ...combined, status: "open" });
    // Held-out questions that the rung above is unsure of say how wrong the edge is about such.
    if (learnsFromAbove(manifest) && !restricts(manifest.labels, row.candidates)) this.learnFrom(manifest, answer);
    return this.needs.people.ask(manifest, answer.id);
  }

  // Where a model has no other labels, those of the origin train with a small weight. They never judge or certify.
  private learnFrom(manifest: ClassifyManifest, { id, label }: Answer): void {
    const { originLabelWeight, keepInputs } = manifest.policy;
    const row = originLabelWeight > 0 ? this.needs.questions.find(id) : null;
    if (!row) return;
    const instance = keepInputs ? row.instance : null;
    const known = { owner: row.owner, label, source: "origin", labelledAt: row.at } as const;
    this.needs.sampleKeeper.keep(manifest, { ...row, instance, ...known, labelledBy: null, trusted: true });
  }

  /** Ends or defers a question that no rung above answered, by whether asking again may help. */
  private withoutAnswer(manifest: ClassifyManifest, id: string, error: RungUnavailableError | null): Outcome {
    if (error instanceof LeftOutError) return this.leaveOut(manifest, id);
    if (!error || mayPass(error)) return this.escalateLater(manifest, id, error?.retryAfterMs ?? 0);
    return this.needs.people.ask(manifest, id);
  }

  /** Ends a question that the budget leaves out, as its recipe says. An audit asks a person whatever it says. */
  private leaveOut(manifest: ClassifyManifest, id: string): Outcome {
    const { questions, settlement } = this.needs;
    const row = questions.find(id);
    if (row?.answer.status !== "open") return null;
    if (row.audited || manifest.policy.budget?.atLimit === "people") return this.needs.people.ask(manifest, id);
    questions.setEscalation(id, null, 0);
    return settlement.settle(manifest, { ...row.answer, status: "answered" }) ? "answered" : null;
  }

  private escalateLater(manifest: ClassifyManifest, id: string, leastMs = 0): Outcome {
    const { questions, jobs } = this.needs;
    const row = questions.find(id);
    if (row?.answer.status !== "open") return null;
    this.heldAbove.delete(id);
    const { isOnNode } = this.needs;
    const tries = row.tries + 1;
    if (tries >= escalationTries && !isOnNode) {
      return this.needs.people.ask(manifest, id);
    }
    // People on site may answer what waits for the rung above.
    if (tries === escalationTries && manifest.policy.ladder.includes("human")) this.needs.people.ask(manifest, id);
    const backoffMs = escalationBackoffMs * 2 ** row.tries;
    const at = Date.now() + Math.max(leastMs, isOnNode ? Math.min(backoffMs, cutRetryMaxMs) : backoffMs);
    questions.setEscalation(id, at, tries);
    jobs.bringForward("escalate", "", at);
    return "deferred";
  }

  /** Leaves a question with the rung above, which has stored it: it is read there, the older the question the less often. */
  private hold(id: string): Outcome {
    const { questions, jobs } = this.needs;
    const row = questions.find(id);
    if (row?.answer.status !== "open") return null;
    const isNew = !this.heldAbove.has(id);
    this.heldAbove.set(id, true);
    const ageMs = Date.now() - row.receivedAt;
    const at = Date.now() + Math.min(held.mostMs, Math.max(held.leastMs, ageMs * held.shareOfAge));
    questions.setEscalation(id, at, 0);
    jobs.bringForward("escalate", "", at);
    return isNew ? "deferred" : null;
  }

  private logOutcomes(outcomes: ReadonlyMap<string, Outcome>, span: TraceSpan, ms: number): void {
    const { questions, log } = this.needs;
    for (const [event, all] of Map.groupBy(outcomes, ([, outcome]) => outcome)) {
      const ids = all.map(([id]) => id);
      const [first = ""] = ids;
      const row = ids.length === 1 ? questions.find(first) : null;
      if (event) log({ event, span, ids, ms }, row ? outcomeOf([row.answer]) : {});
    }
  }

  private logUnanswered(replies: readonly AboveReply[], span: TraceSpan, ms: number): void {
    const { model, region } = this.needs;
    const failed = replies.filter(
      ({ answer, error }) => answer === null && error !== null && !(error instanceof LeftOutError),
    );
    for (const [reason, some] of Map.groupBy(failed, ({ error }) => error?.message ?? "")) {
      const ids = some.map(({ id }) => id);
      const line = { event: "next-rung-unavailable", rung: "region", model, region, span, ids, ms } as const;
      logLine(line, { reason }, console.warn);
    }
  }

  private async ownHop(manifest: ClassifyManifest): Promise<Hop> {
    const { nodeId, stamp } = this.needs;
    const stamps = [await stamp()];
    return { owner: "", remainingMs: this.timeoutMs(manifest), via: [nodeId], stamps, trace: false };
  }
}
