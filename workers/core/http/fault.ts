import type { Problem } from "../contract/index.ts";

type Detail = NonNullable<Problem["errors"]>[number];

/** Everything that a request may be refused for. */
export type Fault =
  | { kind: "malformed"; expected: string; received: string }
  | { kind: "invalid"; errors: Detail[] }
  | { kind: "unauthorised" }
  | { kind: "forbidden"; needs: string }
  | { kind: "not-found"; what: string; next: string }
  | { kind: "conflict"; expected: string; received: string; next: string }
  | { kind: "too-large"; maxBytes: number }
  | { kind: "unsupported"; expected: string; received: string; next: string }
  | { kind: "loop"; via: string[]; max: number }
  | { kind: "unavailable"; reason: string; next: string }
  | { kind: "late"; reason: string }
  | { kind: "broken-artefact"; artefact: string; reason: string };

/** A fault on its way to the caller. */
export class FaultError extends Error {
  override readonly name = "FaultError";
  readonly fault: Fault;
  constructor(fault: Fault, options?: ErrorOptions) {
    super(fault.kind, options);
    this.fault = fault;
  }
}

/** A fault as the caller sees it: RFC 9457 problem details. */
export function problemOf(fault: Fault, operation: string): Problem {
  const problem = (status: number, title: string, rest: Omit<Problem, "type" | "title" | "status" | "operation">) => ({
    type: `urn:upriver:problem:${fault.kind}`,
    title,
    status,
    operation,
    ...rest,
  });
  switch (fault.kind) {
    case "malformed":
      return problem(400, "The request can't be read", {
        detail: `Expected ${fault.expected}, but got ${fault.received}.`,
        expected: fault.expected,
        received: fault.received,
        next: "Mend the request and send it again.",
      });
    case "invalid": {
      const [first] = fault.errors;
      return problem(422, "The request does not fit", {
        detail: first
          ? `${at(first)}expected ${first.expected}, but got ${first.received}.`
          : "The request does not fit the schema.",
        next: "Mend the parts named in errors; nothing was stored. GET /v1/models/{model} shows examples.",
        errors: fault.errors,
      });
    }
    case "unauthorised":
      return problem(401, "A valid token is needed", {
        detail: "No known token came with the request.",
        expected: "Authorization: Bearer <token>",
        next: "Send a token of this deployment; locally they are in .upriver/credentials.json.",
      });
    case "forbidden":
      return problem(403, "The token may not do this", {
        detail: `The token does not have ${fault.needs}.`,
        expected: fault.needs,
        next: "Use a token that has it.",
      });
    case "not-found":
      return problem(404, "Not found", { detail: `There is no ${fault.what}.`, next: fault.next });
    case "conflict":
      return problem(409, "This can't be done as things stand", {
        detail: `Expected ${fault.expected}, but got ${fault.received}.`,
        expected: fault.expected,
        received: fault.received,
        next: fault.next,
      });
    case "too-large":
      return problem(413, "The body is too large", {
        detail: `The body has more than ${fault.maxBytes} bytes.`,
        expected: `at most ${fault.maxBytes} bytes`,
        next: "Send less at once: split the batch.",
      });
    case "unsupported":
      return problem(415, "A body of this type is not taken", {
        detail: `Expected ${fault.expected}, but got ${fault.received}.`,
        expected: fault.expected,
        received: fault.received,
        next: fault.next,
      });
    case "loop":
      return problem(508, "The question goes in a circle", {
        detail: `It passed ${fault.via.join(" → ")}.`,
        expected: `each node once, ${fault.max} at most`,
        next: "Check NEXT_RUNG_URL and NODE_ID of these nodes.",
      });
    case "unavailable":
      return problem(503, "Not available now", { detail: fault.reason, next: fault.next });
    case "late":
      return problem(504, "The time for an answer is over", {
        detail: fault.reason,
        next: "Ask again with more remainingMs.",
      });
    case "broken-artefact":
      return problem(502, "An artefact is broken", {
        detail: `${fault.artefact}: ${fault.reason}.`,
        next: "Publish the version again (or pin the key that signed it), or roll back to the one before.",
      });
  }
}

function at({ index, path }: Detail): string {
  const where = [index === undefined ? "" : `question ${index}`, path].filter(Boolean).join(", ");
  return where ? `${where}: ` : "";
}
