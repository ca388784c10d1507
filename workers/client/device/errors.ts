import { DeadlineError, ProblemError, UnreachableError } from "../errors.ts";

/** A device can't do what it was asked; the message says what was expected and what to do. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
}

/** An error as a message between a worker and its page, where its class would be lost. */
export interface SentError {
  name: string;
  message: string;
  problem?: ProblemError["problem"];
}

/** Describes an error for the other side. */
export function sentError(error: unknown): SentError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return error instanceof ProblemError ? { name, message, problem: error.problem } : { name, message };
}

/** Makes the error again that the other side has thrown. */
export function receivedError({ name, message, problem }: SentError): Error {
  if (problem) return new ProblemError(problem);
  const classes = { DeviceError, DeadlineError, UnreachableError } as Record<string, new (message: string) => Error>;
  const Known = classes[name];
  return Known ? new Known(message) : Object.assign(new Error(message), { name });
}
