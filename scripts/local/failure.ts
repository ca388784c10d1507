import { ProblemError } from "#client/index.ts";
import type { Problem } from "#core/contract/index.ts";
import { sentenceOf } from "#core/http/issues.ts";
import { UsageError } from "./usage.ts";

/** Prints why a command failed and ends the program: exit code 2 for wrong usage, 1 for anything else. */
export function exitWith(error: unknown): never {
  console.error(describeFailure(error));
  process.exit(error instanceof UsageError ? 2 : 1);
}

/** Describes a failure for the person at the terminal, without stack or code. */
export function describeFailure(error: unknown): string {
  if (error instanceof ProblemError) return describeProblem(error.problem);
  if (!(error instanceof Error)) return `Unexpected error: ${String(error)}`;
  const { code, path } = error as NodeJS.ErrnoException;
  if (path !== undefined && code === "ENOENT") return `File not found: ${path}. Check the path.`;
  if (path !== undefined && code === "EISDIR") return `${path} is a folder. Name a file.`;
  if (path !== undefined && (code === "EACCES" || code === "EPERM")) return `No permission to use ${path}.`;
  return error.message;
}

/** A problem document as one block: what failed, each error in it, and what to do next. */
function describeProblem({ title, detail, errors = [], next }: Problem): string {
  const sentences = errors.map(sentenceOf);
  const listed = sentences.filter((sentence) => sentence !== detail).map((sentence) => `  ${sentence}`);
  return [`${title}: ${detail}`, ...listed, next].filter(Boolean).join("\n");
}
