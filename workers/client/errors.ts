import type { Problem } from "./contract.ts";

const problemPrefix = "urn:upriver:problem:";

/** The system refused: its problem document says what was expected, what came, and what to do next. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(`${problem.operation}: ${problem.title}. ${problem.detail} ${problem.next}`);
    this.problem = problem;
  }

  /** What it is, as the document's type names it: `invalid`, `unauthorised`, `not-found`, `conflict`, … */
  get kind(): string {
    const { type, status } = this.problem;
    return type.startsWith(problemPrefix) ? type.slice(problemPrefix.length) : `status-${status}`;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** The system could not be reached. */
export class UnreachableError extends Error {
  override readonly name: string = "UnreachableError";
}

/** The time that the caller gave was over before there was an answer. */
export class DeadlineError extends UnreachableError {
  override readonly name = "DeadlineError";
}
