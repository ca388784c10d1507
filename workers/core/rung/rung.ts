import type { Answer, Inference, Question, RungName } from "../contract/index.ts";
import type { InputFault } from "../input/index.ts";
import type { TraceHeaders } from "../trace-context.ts";

/** How long a rung waits for the next one, unless the deadline comes first. */
export const nextRungTimeoutMs = 4_000;

/** What goes with questions from rung to rung. */
export interface Hop extends Partial<TraceHeaders> {
  /** The id of the token that asked: only it, or an admin, reads the questions again. */
  owner: string;
  remainingMs: number;
  /** The nodes passed so far, this one included. */
  via: string[];
  /** Collect the scores of every head and rung. */
  trace: boolean;
}

/** A rung's answer, and what it made of the question for the rung above. */
export interface Reply {
  answer: Answer;
  /** Worked out only where the question escalates or is kept. */
  inference?: () => Inference;
}

/**
 * A place that can answer. `ask` gives one reply a question, in order: `sure` when it is settled here, not sure when
 * a rung above should be asked, `open` when it is stored and the answer will come later.
 * Throws `InvalidQuestionsError` before anything is stored, `RungUnavailableError` when there is no answer to be had.
 */
export interface Rung {
  readonly name: RungName;
  ask(questions: readonly Question[], hop: Hop): Promise<Reply[]>;
}

/** Questions that the model's input does not take, each with what is wrong. */
export class InvalidQuestionsError extends Error {
  override readonly name = "InvalidQuestionsError";
  readonly faults: (InputFault & { index: number })[];
  constructor(faults: (InputFault & { index: number })[]) {
    super(`${faults.length} faults`);
    this.faults = faults;
  }
}

/** A rung that did not answer: down, slow, or refusing. */
export class RungUnavailableError extends Error {
  override readonly name = "RungUnavailableError";
}
