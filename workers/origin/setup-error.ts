/** A fault in the origin's setup: its message tells the operator what to fix before the next start. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}
