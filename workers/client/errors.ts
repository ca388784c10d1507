import type { Problem } from "../core/contract/index.ts";

/** The system refused: its problem document says what was expected, what came, and what to do next. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(`${problem.operation}: ${problem.title}. ${problem.detail} ${problem.next}`);
    this.problem = problem;
  }
}

/** The system could not be reached, or did not answer in time. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}
