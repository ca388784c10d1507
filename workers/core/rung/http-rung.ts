import { bodyMaxBytes, type Question, type RungName } from "../contract/index.ts";
import { answersFrom, type Expected, replyMaxBytesOf } from "./answers-from-above.ts";
import { fieldsOf, noAnswer, postJson, type Refused, TooLargeError } from "./external/transport.ts";
import { type Hop, type Reply, type Rung, RungUnavailableError } from "./rung.ts";
import { stampHeaders } from "./stamp.ts";

/** The address and credentials of a rung reached by HTTP. */
export interface HttpRungOptions extends Expected {
  name: RungName;
  /** The rung's URL without a path: "https://origin.example". */
  url: string;
  /** This hop's token. A caller's token is never passed on. */
  token: string;
  timeoutMs: number;
  fetch?: typeof fetch;
}

type Asked = Reply | RungUnavailableError;

/** What a request brought: the answers by id, or why there are none and the indexes of the questions that are at fault. */
type Posted =
  | { answers: Map<string, Asked> }
  | { answers: null; error: RungUnavailableError; faulty: Set<number>; isTooLarge: boolean };

/** The next rung up, reached by `POST /v1/models/{model}/ask`: an origin or another edge. */
export class HttpRung implements Rung {
  readonly name: RungName;
  private readonly options: HttpRungOptions;

  constructor(options: HttpRungOptions) {
    this.name = options.name;
    this.options = options;
  }

  async ask(questions: readonly Question[], hop: Hop): Promise<Reply[]> {
    const asked = await this.askEach(questions, hop);
    const failed = asked.find((reply) => reply instanceof RungUnavailableError);
    if (failed) throw failed;
    return asked as Reply[];
  }

  /** Asks about all questions; what the rung does not take of one does not lose the answers to others. Never throws. */
  async askEach(questions: readonly Question[], hop: Hop): Promise<Asked[]> {
    const deadline = Date.now() + Math.max(1, Math.min(hop.remainingMs, this.options.timeoutMs));
    return this.askUntil(deadline, questions, hop);
  }

  private async askUntil(
    deadline: number,
    questions: readonly Question[],
    hop: Hop,
    mayRepeat = true,
  ): Promise<Asked[]> {
    const posted = await this.post(questions, hop, deadline);
    const { answers } = posted;
    if (answers) return questions.map(({ id }) => answers.get(id) as Asked);
    const { error, faulty, isTooLarge } = posted;
    if (isTooLarge && questions.length > 1) {
      const half = Math.ceil(questions.length / 2);
      const first = await this.askUntil(deadline, questions.slice(0, half), hop, mayRepeat);
      return [...first, ...(await this.askUntil(deadline, questions.slice(half), hop, mayRepeat))];
    }
    const others = questions.filter((_, i) => !faulty.has(i));
    if (!mayRepeat || others.length === questions.length || others.length === 0) return questions.map(() => error);
    // The rung has said which questions it does not take: it is asked about the others once more.
    const again = (await this.askUntil(deadline, others, hop, false)).values();
    return questions.map((_, i) => (faulty.has(i) ? error : (again.next().value as Asked)));
  }

  private async post(questions: readonly Question[], hop: Hop, deadline: number): Promise<Posted> {
    const { url, model, token, timeoutMs, fetch: send } = this.options;
    const isCutShort = hop.remainingMs < timeoutMs;
    const remainingMs = Math.max(1, deadline - Date.now());
    const body = {
      questions: questions.map(sent),
      ...{ remainingMs, via: hop.via },
      ...(hop.trace ? { trace: true } : {}),
      ...(hop.provisional ? { accept: "always" } : {}),
    };
    const headers = {
      ...stampHeaders(hop),
      ...(hop.traceparent ? { traceparent: hop.traceparent } : {}),
      ...(hop.traceparent && hop.tracestate ? { tracestate: hop.tracestate } : {}),
    };
    const signal = AbortSignal.timeout(remainingMs);
    let faulty = new Set<number>();
    try {
      const reply = await postJson(
        { url, key: token, headers, ...(send ? { fetch: send } : {}) },
        `/v1/models/${encodeURIComponent(model)}/ask`,
        body,
        signal,
        {
          replyMaxBytes: replyMaxBytesOf(this.options, questions.length, hop.trace),
          requestMaxChars: bodyMaxBytes,
          refusal: (refused) => {
            faulty = faultyOf(refused);
            return refusalOf(refused, isCutShort);
          },
        },
      );
      return { answers: answersFrom(reply, questions, this.options) };
    } catch (cause) {
      if (!(cause instanceof RungUnavailableError)) throw cause;
      // The caller's deadline came before the rung's own.
      const why = signal.aborted && cause.why === "failed" && isCutShort ? "late" : cause.why;
      const message = `${this.name} at ${url} did not answer: ${cause.message}`;
      const error = new RungUnavailableError(message, { why, retryAfterMs: cause.retryAfterMs, cause });
      return { answers: null, error, faulty, isTooLarge: cause instanceof TooLargeError };
    }
  }
}

/**
 * Returns what the rung above is told of a question. The rung that the caller asked lists the best labels, and every rung
 * computes its own inference: that of the rung below would be most of the body.
 */
function sent({ top: _, inference: __, ...question }: Question): Question {
  return question;
}

/** Statuses of a question, or a batch, that the rung does not take: a loop, an id of another caller, a fault in it. */
const refusedStatuses = new Set([400, 409, 415, 422, 508]);

/** Says what a refusal of our own protocol means. A failure is the rung's alone: not a deadline, a limit or a question. */
function refusalOf({ status, body, retryAfterMs }: Refused, isCutShort: boolean): RungUnavailableError {
  const kind = /^urn:upriver:problem:([a-z-]{1,32})$/.exec(String(fieldsOf(body).type))?.[1];
  const reason = `status ${status}${kind === undefined ? "" : `, ${kind}`}`;
  if (status === 413) return new TooLargeError(reason);
  if (status === 429 || kind === "saturated") return noAnswer("rate-limited", reason, { retryAfterMs });
  if (refusedStatuses.has(status)) return noAnswer("rejected", reason);
  if (status === 504 && isCutShort) return noAnswer("late", reason);
  return noAnswer("failed", reason, { retryAfterMs });
}

/** Returns the indexes of the questions that a refusal of a batch names. */
function faultyOf({ status, body }: Refused): Set<number> {
  const { errors } = fieldsOf(body);
  if (status !== 422 || !Array.isArray(errors)) return new Set();
  return new Set(errors.map((error) => fieldsOf(error).index).filter((index) => typeof index === "number"));
}
