import type { Problem } from "./contract.ts";

const problemPrefix = "urn:upriver:problem:";

/** The edge refused a request; `problem` says what was expected, what was received and what to do next. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(`${problem.title}: ${problem.detail} ${problem.next}`);
    this.problem = problem;
  }

  /** The kind of problem: `invalid`, `unauthorised`, `forbidden`, `not-found`, `conflict`, … */
  get kind(): string {
    const { type, status } = this.problem;
    return type.startsWith(problemPrefix) ? type.slice(problemPrefix.length) : `status-${status}`;
  }

  /** The HTTP status. */
  get status(): number {
    return this.problem.status;
  }
}

/** The edge did not answer. */
export class UnreachableError extends Error {
  override readonly name: string = "UnreachableError";
}

/** The caller's deadline passed before there was an answer. */
export class DeadlineError extends UnreachableError {
  override readonly name = "DeadlineError";
}
