import type { Answer, Question } from "../../core/contract/index.ts";
import { ProblemError } from "../errors.ts";
import { modelPath, questionPath } from "../requests.ts";
import { pause, type Transport } from "../transport.ts";
import type { DeviceStorage, RefusedQuestion } from "./types.ts";

/** What the outbox reads and changes. */
interface OutboxNeeds {
  model: string;
  storage: DeviceStorage;
  /** Writes entries together with what is counted. */
  write: DeviceStorage["write"];
  transport: Transport;
  /** Hands on a final answer; resolves once it is handled. */
  onAnswer: (answer: Answer) => Promise<void>;
  onRefused: (refused: RefusedQuestion) => Promise<void>;
}

const waitingPrefix = "waiting/";
const sentPrefix = "sent/";
/** Questions of a request, and their bytes of JSON: the edge's limits are 1,024 and 4 MiB. */
const batchQuestions = 64;
const batchBytes = 1024 * 1024;
const readIds = 256;
/** Questions that wait or are open at most: a device without a network for good must not fill its disk. */
export const outboxMax = 10_000;
/** How long a request waits for the rungs above. Short, since the next requests wait behind it. */
const waitSeconds = 1;
const firstPauseMs = 1_000;
const maxPauseMs = 60_000;
/** An open question is looked at again after this share of its age. */
const ageShare = 0.1;
/** Statuses that are the question's own fault: it is refused however often it is sent. */
const refusedStatuses = new Set([400, 409, 413, 415, 422]);

/** A question that was sent, and when to look for its answer. */
interface Open {
  askedAt: number;
  lookAt: number;
}

/**
 * Sends questions and brings their final answers. A question is stored until then, so that neither a reload nor an end of the
 * process loses one. Its id makes it one question above, however often it is sent.
 */
export class Outbox {
  private readonly needs: OutboxNeeds;
  /** Sent questions without an answer. */
  private readonly open = new Map<string, Open>();
  private readonly ended = new AbortController();
  private wake: () => void = () => {};
  private failures = 0;
  /** Until when the rung above wants no request, ms since 1970: its last `Retry-After`. */
  private limitedUntil = 0;
  /** How many questions wait or are open; null until it is known, and after any has left, or come from another page. */
  private stored: number | null = null;
  /** Why the last try to send or to read failed; null where it did not. */
  fault: string | null = null;

  constructor(needs: OutboxNeeds) {
    this.needs = needs;
  }

  /** Returns how many more questions may wait. */
  async room(): Promise<number> {
    const { storage } = this.needs;
    this.stored ??= (await storage.keys(waitingPrefix)).length + (await storage.keys(sentPrefix)).length;
    return Math.max(0, outboxMax - this.stored);
  }

  /** Returns the entries of questions; written, they wait to be sent. */
  entriesOf(questions: readonly Question[]): [key: string, value: Question][] {
    if (this.stored !== null) this.stored += questions.length;
    return questions.map((question) => [waitingPrefix + question.id, question]);
  }

  /** Counts again what waits: another page has changed it. */
  changed(): void {
    this.stored = null;
  }

  /** Tries again at once: there is something to send, or a network again. A limit of the rung above still holds. */
  sendSoon(): void {
    if (Date.now() < this.limitedUntil) return;
    this.failures = 0;
    this.wake();
  }

  /** Returns how many questions wait, and how many are open above. */
  async counts(): Promise<{ waiting: number; open: number }> {
    const { storage } = this.needs;
    const [waiting, open] = await Promise.all([storage.keys(waitingPrefix), storage.keys(sentPrefix)]);
    return { waiting: waiting.length, open: open.length };
  }

  /** Tells whether a question has no final answer yet. */
  async has(id: string): Promise<boolean> {
    const { storage } = this.needs;
    return ((await storage.get(waitingPrefix + id)) ?? (await storage.get(sentPrefix + id))) !== undefined;
  }

  /** Sends and reads until `end`. One page at a time does so. */
  async run(): Promise<void> {
    const { signal } = this.ended;
    for (const [key, value] of await this.needs.storage.list(sentPrefix)) {
      this.open.set(key.slice(sentPrefix.length), { askedAt: (value as Question).at, lookAt: 0 });
    }
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      const pauseMs = await this.round();
      const time = new AbortController();
      await Promise.race([woken, pause(pauseMs, AbortSignal.any([signal, time.signal])).catch(() => {})]);
      time.abort();
    }
  }

  end(): void {
    this.ended.abort();
  }

  /** Does what is due; returns the milliseconds until the next round. */
  private async round(): Promise<number> {
    try {
      let isMore = true;
      while (isMore && !this.ended.signal.aborted) isMore = await this.sendNext();
      await this.read();
      this.failures = 0;
      this.fault = null;
      const next = Math.min(...[...this.open.values()].map(({ lookAt }) => lookAt));
      return Math.max(firstPauseMs, Math.min(maxPauseMs, next - Date.now()));
    } catch (error) {
      this.fault = error instanceof Error ? error.message : String(error);
      const retryAfter = error instanceof ProblemError ? (error.problem.retryAfter ?? 0) : 0;
      this.limitedUntil = Date.now() + Math.min(maxPauseMs, retryAfter * 1_000);
      const growing = firstPauseMs * 2 ** Math.min(this.failures++, 6) * (0.5 + Math.random() / 2);
      return Math.min(maxPauseMs, Math.max(growing, retryAfter * 1_000));
    }
  }

  /** Sends the oldest questions that fit into a request; returns whether more may wait. */
  private async sendNext(): Promise<boolean> {
    const listed = await this.needs.storage.list(waitingPrefix, batchQuestions);
    const questions: Question[] = [];
    let bytes = 0;
    for (const [, value] of listed) {
      bytes += JSON.stringify(value).length;
      if (questions.length > 0 && bytes > batchBytes) break;
      questions.push(value as Question);
    }
    if (questions.length === 0) return false;
    await this.send(questions);
    return true;
  }

  private async send(questions: readonly Question[]): Promise<void> {
    const { model, transport, storage, onRefused } = this.needs;
    const path = `${modelPath(model)}/ask`;
    const headers = { prefer: `wait=${waitSeconds}` };
    try {
      // Only a rung may say when a question was asked.
      const body = { questions: questions.map(({ at: _, ...draft }) => draft) };
      const sent = transport.json<{ answers: Answer[] }>({ method: "POST", path, headers, body });
      await this.take(questions, (await sent).answers);
    } catch (error) {
      if (!(error instanceof ProblemError) || !isOfQuestion(error)) throw error;
      // One of them may be at fault: the others go on.
      if (questions.length > 1) {
        for (const question of questions) await this.send([question]);
        return;
      }
      const { id } = questions[0] as Question;
      await onRefused({ id, reason: error.message });
      await storage.write([[waitingPrefix + id, undefined]]);
      this.stored = null;
    }
  }

  private async take(questions: readonly Question[], answers: readonly Answer[]): Promise<void> {
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    const degraded: string[] = [];
    for (const question of questions) {
      const answer = byId.get(question.id);
      // The region took none: it is asked again.
      if (!answer || (answer.status === "answered" && answer.degraded)) degraded.push(question.id);
      else if (answer.status === "answered") await this.settle(answer);
      else await this.keepOpen(question);
    }
    if (degraded.length > 0) throw new Error(`The region did not take ${degraded.length} questions.`);
  }

  private async keepOpen(question: Question): Promise<void> {
    await this.needs.storage.write([
      [sentPrefix + question.id, question],
      [waitingPrefix + question.id, undefined],
    ]);
    this.lookLater(question.id, question.at);
  }

  /** Reads the answers of the open questions that are due. */
  private async read(): Promise<void> {
    const { transport } = this.needs;
    for (;;) {
      const due = [...this.open].filter(([, { lookAt }]) => lookAt <= Date.now()).slice(0, readIds);
      if (due.length === 0 || this.ended.signal.aborted) return;
      const ids = due.map(([id]) => id);
      const read = transport.json<{ answers: Answer[] }>({ method: "POST", path: "/v1/answers", body: { ids } });
      const { answers } = await read;
      const byId = new Map(answers.map((answer) => [answer.id, answer]));
      for (const [id, { askedAt }] of due) {
        const answer = byId.get(id);
        if (answer?.status === "answered") await this.settle(answer);
        else if (answer) this.lookLater(id, askedAt);
        else await this.missing(id, askedAt);
      }
    }
  }

  /** Reads a question that the list left out. One that was forgotten above is refused, not sent again. */
  private async missing(id: string, askedAt: number): Promise<void> {
    const { transport, storage, onRefused } = this.needs;
    try {
      const answer = await transport.json<Answer>({ method: "GET", path: questionPath(id) });
      if (answer.status === "answered") await this.settle(answer);
      else this.lookLater(id, askedAt);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 404) throw error;
      await onRefused({ id, reason: "The question is not stored above any more: it was forgotten, or is too old." });
      await storage.write([[sentPrefix + id, undefined]]);
      this.stored = null;
      this.open.delete(id);
    }
  }

  private lookLater(id: string, askedAt: number): void {
    const now = Date.now();
    const pauseMs = Math.max(firstPauseMs, Math.min(maxPauseMs, ageShare * (now - askedAt)));
    this.open.set(id, { askedAt, lookAt: now + pauseMs });
  }

  /** Hands on a final answer, and only then forgets the question: a page that ends meanwhile gets it the next time. */
  private async settle(answer: Answer): Promise<void> {
    await this.needs.onAnswer(answer);
    await this.needs.write([
      [waitingPrefix + answer.id, undefined],
      [sentPrefix + answer.id, undefined],
    ]);
    this.stored = null;
    this.open.delete(answer.id);
  }
}

// An id names its region, which may not be open today: that passes.
function isOfQuestion({ status, problem }: ProblemError): boolean {
  return refusedStatuses.has(status) && !problem.errors?.some(({ path }) => path === "id");
}
