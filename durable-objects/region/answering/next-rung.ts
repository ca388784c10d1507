import { isPriced } from "#core/budget/price.ts";
import {
  type Answer,
  type ClassifyManifest,
  type ExternalRung,
  type ExternalRungState,
  externalDeadlineMaxMs,
  type Question,
} from "#core/contract/index.ts";
import { answersFrom, type Expected, replyMaxBytesOf } from "#core/rung/answers-from-above.ts";
import { temperatureOf } from "#core/rung/external/calibration.ts";
import { type ExternalReply, ExternalRungClient } from "#core/rung/external/client.ts";
import { hasRungAbove, reachOf, type Settings } from "#core/rung/external/endpoint.ts";
import { aboveOf, externalRungsOf } from "#core/rung/external/ladder.ts";
import type { RateLimit, Turns } from "#core/rung/external/rate-limit.ts";
import { fieldsOf, postJson } from "#core/rung/external/transport.ts";
import { HttpRung } from "#core/rung/http-rung.ts";
import { idAbove, regionAbove } from "#core/rung/id-above.ts";
import { type Hop, nextRungTimeoutMs, RungUnavailableError } from "#core/rung/rung.ts";
import { taskOf } from "#core/task/index.ts";
import type { ExternalRungs } from "../tables/external-rungs.ts";
import type { GivenScores } from "../tables/questions.ts";
import { GatheredCalls } from "./gathered-calls.ts";
import { RungHealth } from "./rung-health.ts";
import { LeftOutError, NoLeaseError, type Priced, type Purpose, type Spending } from "./spending.ts";

/** A rung is not asked with less time than this. */
const leastMs = 20;
/** An object may wait for six replies at once, and has other rungs to ask. */
const originCalls = { atOnce: 4, gatherMs: 10 };
/** A caller with more questions than this has a call of its own: nobody else waits for them. */
const gatheredMax = 16;

/** What the rungs above say of a question. */
export interface AboveReply {
  id: string;
  /** The answer that counts: the first accepted one, else that of the last rung which gave one; null for none. */
  answer: Answer | null;
  /** The scores of external rungs as they came. */
  given: GivenScores[];
  /** Why there is no answer: of several reasons, one that may pass. */
  error: RungUnavailableError | null;
}

interface NextRungNeeds {
  env: Pick<Env, "NEXT_RUNG_URL" | "NEXT_RUNG_TOKEN">;
  /** The id of the node that the region is on; null on an edge. */
  node: string | null;
  model: string;
  external: ExternalRungs;
  spending: Pick<Spending, "reserve" | "settle">;
  /** Takes turns at a rung with a rate limit, over all regions. */
  takeTurns: (rung: string, wanted: number, limit: RateLimit) => Promise<Turns>;
}

/** The rungs above the region, in order: our own origin or edge, and rungs that we don't own. */
export class NextRung {
  private readonly needs: NextRungNeeds;
  private readonly healths = new Map<string, RungHealth>();
  private readonly gathered = new GatheredCalls<Question, Reply | RungUnavailableError>(originCalls);

  constructor(needs: NextRungNeeds) {
    this.needs = needs;
  }

  /** Returns whether the model's ladder has a rung above the region, and the deployment can reach it. */
  isPresent({ policy }: ClassifyManifest): boolean {
    return hasRungAbove(policy, this.settings());
  }

  /** Returns how long all rungs above may take together, in ms. */
  timeoutMs({ policy }: ClassifyManifest): number {
    const all = aboveOf(policy).map((rung) => (rung === "origin" ? nextRungTimeoutMs : deadlineOf(rung)));
    return Math.min(
      externalDeadlineMaxMs,
      all.reduce((sum, ms) => sum + ms, 0),
    );
  }

  /**
   * Asks the rungs above about each question until one accepts its answer. Each rung is asked about what the ones before it
   * did not answer or accept; with `provisional`, about what they did not answer. Never throws for a rung that gives none.
   */
  async ask(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
    purpose: Purpose = "answer",
  ): Promise<AboveReply[]> {
    const replies = new Map(
      questions.map(({ id }): [string, AboveReply] => [id, { id, answer: null, given: [], error: null }]),
    );
    const deadline = Date.now() + hop.remainingMs;
    for (const rung of aboveOf(manifest.policy)) {
      const left = questions.filter(({ id }) => {
        const { answer } = replies.get(id) as AboveReply;
        return answer === null || !(answer.accepted || hop.provisional);
      });
      const remainingMs = deadline - Date.now();
      if (left.length === 0) break;
      const asked = await this.askRung(manifest, rung, left, { ...hop, remainingMs }, purpose);
      for (const [i, { id }] of left.entries()) replies.set(id, merged(replies.get(id) as AboveReply, rung, asked[i]));
    }
    return [...replies.values()];
  }

  breakerState(): "closed" | "open" {
    const now = Date.now();
    return [...this.healths.values()].some((health) => health.breakerState(now) === "open") ? "open" : "closed";
  }

  /** Tells whether a rung above fails, or all that were asked answer; null where this instance does not know yet. */
  outcome(): "answers" | "fails" | null {
    const outcomes = [...this.healths.values()].map((health) => health.outcome());
    if (outcomes.includes("fails")) return "fails";
    return outcomes.includes("answers") && !outcomes.includes("unsure") ? "answers" : null;
  }

  /** Returns what is known of the model's external rungs; undefined where it has none. */
  externalStates({ policy }: ClassifyManifest): ExternalRungState[] | undefined {
    const rungs = externalRungsOf(policy);
    if (rungs.length === 0) return undefined;
    return rungs.map((rung) => {
      const { calibration, answered, unanswered, inputTokens, usd } = this.needs.external.get(rung);
      const paused = this.healthOf(rung.name).paused(Date.now());
      const isReached = reachOf(rung, this.settings()) !== null;
      const { name, kind, model } = rung;
      return {
        ...{ name, kind, model, answered, unanswered, inputTokens, usd },
        status: !isReached ? "not-configured" : paused ? (paused.why as "allowance" | "rate-limited") : "asked",
        calibration: { labels: calibration.labels, temperature: temperatureOf(calibration) },
      };
    });
  }

  private async askRung(
    manifest: ClassifyManifest,
    rung: "origin" | ExternalRung,
    questions: readonly Question[],
    hop: Hop,
    purpose: Purpose,
  ): Promise<(Reply | RungUnavailableError)[]> {
    const health = this.healthOf(rung === "origin" ? rung : rung.name);
    const refusal = health.refusal(Date.now()) ?? lateError(hop.remainingMs);
    if (refusal) return questions.map(() => refusal);
    const replies =
      rung === "origin"
        ? await this.askOrigin(manifest, questions, hop)
        : await this.askWithinBudget(manifest, rung, questions, hop, purpose);
    const now = Date.now();
    if (replies.some((reply) => !(reply instanceof RungUnavailableError))) health.succeeded();
    // One failure of a batch is one failure, however many questions it met.
    const errors = new Map(replies.flatMap((reply) => (isItsOwn(reply) ? [[reply.why, reply]] : [])));
    for (const error of errors.values()) health.met(error, now);
    return replies;
  }

  private async askOrigin(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<(Reply | RungUnavailableError)[]> {
    const { NEXT_RUNG_URL: url, NEXT_RUNG_TOKEN: token } = this.needs.env;
    if (url === "") return questions.map(() => new RungUnavailableError("there is no origin", { why: "rejected" }));
    const rung = new HttpRung({
      ...{ name: "origin", url, token, timeoutMs: nextRungTimeoutMs },
      ...this.expectedOf(manifest),
    });
    const asked = await this.asAbove(manifest, questions);
    const replies = await this.askTogether(rung, asked, hop, manifest.version);
    return this.needs.node === null ? replies : asHere(questions, replies);
  }

  /** Asks about questions in one call with those of other callers, where nothing tells the calls apart. */
  private async askTogether(
    rung: HttpRung,
    questions: readonly Question[],
    hop: Hop,
    version: number,
  ): Promise<(Reply | RungUnavailableError)[]> {
    const key = questions.length > gatheredMax ? null : togetherKey(version, hop);
    if (key === null) return rung.askEach(questions, hop);
    const deadline = Date.now() + hop.remainingMs;
    const { replies, isShared } = await this.gathered.ask(key, questions, (all) =>
      rung.askEach(all, { ...hop, remainingMs: nextRungTimeoutMs }),
    );
    const [error] = replies;
    const isFault = error instanceof RungUnavailableError && (error.why === "failed" || error.why === "rejected");
    if (!isShared || !isFault || replies.some((reply) => reply !== error)) return replies;
    // A question of another caller may be at fault. Each caller's are asked about alone, so that no other fails with it.
    const health = this.healthOf("origin");
    health.met(error, Date.now());
    const remainingMs = deadline - Date.now();
    if (health.refusal(Date.now()) || lateError(remainingMs)) return replies;
    return rung.askEach(questions, { ...hop, remainingMs });
  }

  /**
   * Reads what the rung above says now of questions that it has stored; null of those that it does not know. Returns null where
   * it can't be read so: it is asked about them instead, as for the first time.
   */
  async readHeld(
    manifest: ClassifyManifest,
    questions: readonly Question[],
  ): Promise<(Reply | RungUnavailableError | null)[] | null> {
    const { NEXT_RUNG_URL: url, NEXT_RUNG_TOKEN: key } = this.needs.env;
    if (this.healthOf("origin").refusal(Date.now())) return null;
    const asked = await this.asAbove(manifest, questions);
    const expected = this.expectedOf(manifest);
    try {
      const body = { ids: asked.map(({ id }) => id) };
      const replyMaxBytes = replyMaxBytesOf(expected, asked.length, false);
      const signal = AbortSignal.timeout(nextRungTimeoutMs);
      const reply = await postJson({ url, key }, "/v1/answers", body, signal, { replyMaxBytes });
      const { answers } = fieldsOf(reply);
      const known = new Set(Array.isArray(answers) ? answers.map((answer) => fieldsOf(answer).id) : []);
      const found = asked.filter(({ id }) => known.has(id));
      const replies = answersFrom(reply, found, expected);
      return asHere(
        questions,
        asked.map(({ id }) => replies.get(id) ?? null),
      );
    } catch (error) {
      if (!(error instanceof RungUnavailableError)) throw error;
      return null;
    }
  }

  /** Asks the rung above again from now on: it can be reached. */
  isBack(): void {
    this.healthOf("origin").succeeded();
  }

  private expectedOf(manifest: ClassifyManifest): Expected {
    const { model } = this.needs;
    const task = taskOf(manifest);
    const isLabel = (label: string) => task.parse(label) !== null;
    return { model, labels: manifest.labels, isLabel, isOfNumbers: task.kind === "regress" };
  }

  /** Returns questions as the rung above knows them: those of a node have other ids there, and may be of another region. */
  private async asAbove(manifest: ClassifyManifest, questions: readonly Question[]): Promise<readonly Question[]> {
    const { node } = this.needs;
    if (node === null) return questions;
    const { regions } = manifest.policy;
    return Promise.all(
      questions.map(async (question) => ({
        ...question,
        id: await idAbove(regions, node, question.id),
        region: regionAbove(regions, question.region),
      })),
    );
  }

  private async askWithinBudget(
    manifest: ClassifyManifest,
    rung: ExternalRung,
    questions: readonly Question[],
    hop: Hop,
    purpose: Purpose,
  ): Promise<(Reply | RungUnavailableError)[]> {
    if (!isPriced(rung.price) || !reachOf(rung, this.settings())) {
      return this.askExternal(manifest, rung, questions, hop);
    }
    const { spending } = this.needs;
    const permits = await spending.reserve(manifest, rung, questions, purpose);
    const held = permits.filter((permit): permit is Priced => !(permit instanceof RungUnavailableError));
    const allowed = questions.filter((_, i) => !(permits[i] instanceof RungUnavailableError));
    let replies: (ExternalReply | RungUnavailableError)[] | null = null;
    try {
      replies = allowed.length > 0 ? await this.askExternal(manifest, rung, allowed, hop) : [];
    } finally {
      spending.settle(manifest, rung, held, replies);
    }
    const given = replies.values();
    return permits.map((permit) => {
      return permit instanceof RungUnavailableError ? permit : (given.next().value as Reply | RungUnavailableError);
    });
  }

  private async askExternal(
    { labels, thin }: ClassifyManifest,
    rung: ExternalRung,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<(ExternalReply | RungUnavailableError)[]> {
    const { external, model } = this.needs;
    const reach = reachOf(rung, this.settings());
    if (!reach) {
      const reason = `${rung.name} has no ${rung.kind === "workers-ai" ? "binding AI" : `key ${rung.key}`}`;
      return questions.map(() => new RungUnavailableError(reason, { why: "rejected" }));
    }
    const turns = await this.turnsAt(rung, questions.length);
    const { calibration } = external.get(rung);
    const client = new ExternalRungClient({
      ...{ rung, model, labels, calibration, ...reach },
      targetRisk: thin.rule.targetRisk,
    });
    const replies = await client.askEach(questions.slice(0, turns.taken), hop);
    const answered = replies.filter((reply): reply is ExternalReply => !(reply instanceof RungUnavailableError));
    if (replies.length > 0) {
      external.count(rung, {
        answered: answered.length,
        unanswered: replies.flatMap((reply) => (reply instanceof RungUnavailableError ? [reply.why] : [])),
        inputTokens: answered.reduce((sum, { inputTokens }) => sum + (inputTokens ?? 0), 0),
        usd: answered.reduce((sum, { usd }) => sum + usd, 0),
      });
    }
    const waiting = new OurLimitError(rung.name, turns.retryAfterMs);
    return [...replies, ...questions.slice(turns.taken).map(() => waiting)];
  }

  private async turnsAt({ name, rateLimit }: ExternalRung, wanted: number): Promise<Turns> {
    const all = { taken: wanted, retryAfterMs: 0 };
    if (!rateLimit) return all;
    // The rung itself limits what comes while the registry can't be reached.
    return this.needs.takeTurns(name, wanted, rateLimit).catch(() => all);
  }

  private healthOf(name: string): RungHealth {
    const known = this.healths.get(name) ?? new RungHealth();
    this.healths.set(name, known);
    return known;
  }

  private settings(): Settings {
    return this.needs.env as unknown as Settings;
  }
}

/** Returns answers from above under the ids and regions that their questions have here. */
function asHere<R extends Reply | RungUnavailableError | null>(questions: readonly Question[], replies: R[]): R[] {
  return replies.map((reply, i) => {
    if (reply === null || reply instanceof RungUnavailableError) return reply;
    const { id, region } = questions[i] as Question;
    return { ...reply, answer: { ...reply.answer, id, region } };
  });
}

/** A rung's answer; only external rungs have scores to calibrate. */
type Reply = { answer: Answer; given?: number[] };

/** A recipe's own rate limit: it says nothing of the rung, which need not pause. */
class OurLimitError extends RungUnavailableError {
  constructor(name: string, retryAfterMs: number) {
    super(`${name} has been asked as often as its recipe allows`, { why: "rate-limited", retryAfterMs });
  }
}

/**
 * Names what calls to the rung above must have in common to travel as one. Returns null for one that goes alone: its caller asks
 * for the rungs' scores, follows it in a trace that is sampled, or gives less time than the rung may take.
 */
function togetherKey(version: number, hop: Hop): string | null {
  const { via, stamps, provisional = false, remainingMs, trace, traceparent } = hop;
  const isSampled = /-0[13]$/.test(traceparent ?? "");
  if (trace || isSampled || remainingMs < nextRungTimeoutMs) return null;
  return JSON.stringify([version, via, stamps, provisional]);
}

function lateError(remainingMs: number): RungUnavailableError | null {
  if (remainingMs >= leastMs) return null;
  return new RungUnavailableError("no time is left to ask the next rung", { why: "late" });
}

function isItsOwn(reply: unknown): reply is RungUnavailableError {
  const isOurs = [OurLimitError, LeftOutError, NoLeaseError].some((kind) => reply instanceof kind);
  return reply instanceof RungUnavailableError && !isOurs;
}

function deadlineOf({ deadlineMs = nextRungTimeoutMs }: ExternalRung): number {
  return deadlineMs;
}

function merged(
  before: AboveReply,
  rung: "origin" | ExternalRung,
  reply: Reply | RungUnavailableError | undefined,
): AboveReply {
  if (reply instanceof RungUnavailableError || reply === undefined) {
    const error = reply ?? null;
    return { ...before, error: before.error && mayPass(before.error) ? before.error : error };
  }
  const own = rung !== "origin" && reply.given ? [{ rung: rung.name, scores: reply.given }] : [];
  return { ...before, answer: reply.answer, given: [...before.given, ...own] };
}

/** The longest that a question waits for a rung that says when to ask again; a longer wait is as good as an empty allowance. */
const waitMaxMs = 60_000;

/** Tells whether the rung may answer if it is asked again within a minute. */
export function mayPass({ why, retryAfterMs }: RungUnavailableError): boolean {
  return (why === "failed" || why === "late" || why === "rate-limited") && (retryAfterMs ?? 0) <= waitMaxMs;
}
