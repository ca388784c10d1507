import type { Answer, Inference, Question, RungName } from "../contract/index.ts";
import type { InputFault } from "../input/index.ts";
import type { OwnerLimits } from "../limits/limits.ts";
import type { TraceHeaders } from "../trace-context.ts";

/** How long a rung waits for the next one, unless the deadline comes first. */
export const nextRungTimeoutMs = 4_000;

/** What accompanies questions from rung to rung. */
export interface Hop extends Partial<TraceHeaders> {
  /** The id of the token that asked. Only it or an admin may read the questions. */
  owner: string;
  /** Whether labels that the owner gives to its questions may judge; yes, unless given. */
  trusted?: boolean;
  /** How long the rungs may take: a rung below may shorten it, another caller may not. */
  remainingMs: number;
  /** How long the caller waits, at most; as long as the rungs take unless given. The question goes on. */
  waitMs?: number;
  /** The rungs passed so far, this one included. */
  via: string[];
  /** The stamps of the nodes passed so far, this one included. */
  stamps?: string[];
  /** What the owner may use of a region and of people; no limits unless given. */
  limits?: OwnerLimits;
  /** Whether to collect the scores of every head and rung. */
  trace: boolean;
  /** Whether the rung answers at any confidence and asks no other; no, unless given. */
  provisional?: boolean;
}

/** A rung's answer, with its inference for the rung above. */
export interface Reply {
  answer: Answer;
  /** Computed only if the question escalates or is kept. */
  inference?: () => Inference;
}

/**
 * A place that can answer. `ask` returns one reply per question, in order: `accepted` if it is settled here, not accepted
 * if a rung above should be asked, `open` if the question is stored and its answer will come later.
 * Throws `InvalidQuestionsError` before anything is stored, and `RungUnavailableError` if the rung gives no answer.
 */
export interface Rung {
  readonly name: RungName;
  ask(questions: readonly Question[], hop: Hop): Promise<Reply[]>;
}

/** Questions that do not match the model's input, with every fault found. */
export class InvalidQuestionsError extends Error {
  override readonly name = "InvalidQuestionsError";
  readonly faults: (InputFault & { index: number })[];
  constructor(faults: (InputFault & { index: number })[]) {
    super(`${faults.length} values do not match the model's input`);
    this.faults = faults;
  }
}

/**
 * Why a rung gives no answer. `failed`: it is down, broken, or answers nonsense; `late`: not before the caller's deadline;
 * `rate-limited`: later it would; `allowance`: what it may be asked is used up; `rejected`: it does not take this question;
 * `declined`: it has no opinion on it. Only a failure says that the rung is broken.
 */
export type NoAnswer = "failed" | "late" | "rate-limited" | "allowance" | "rejected" | "declined";

/** A rung that did not answer. */
export class RungUnavailableError extends Error {
  override readonly name = "RungUnavailableError";
  readonly why: NoAnswer;
  /** After how many milliseconds the rung wants to be asked again; null where it did not say. */
  readonly retryAfterMs: number | null;
  constructor(message: string, options: ErrorOptions & { why?: NoAnswer; retryAfterMs?: number | null } = {}) {
    const { why = "failed", retryAfterMs = null, ...rest } = options;
    super(message, rest);
    this.why = why;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Tells whether a rung may have billed a question that it did not answer. */
export function mayBeBilled({ why }: RungUnavailableError): boolean {
  return why === "failed" || why === "late" || why === "declined";
}

/** A region that takes no question now, and after how many milliseconds it may: it is saturated, not broken. */
export class SaturatedError extends RungUnavailableError {
  constructor(region: string, retryAfterMs: number, options: ErrorOptions = {}) {
    super(`Region '${region}' has as many questions as it can answer.`, {
      ...options,
      why: "rate-limited",
      retryAfterMs,
    });
  }
}
