import type { Problem } from "../contract/index.ts";
import { limitNames, type ReachedLimit } from "../limits/limits.ts";
import { type InvalidField, sentenceOf } from "./issues.ts";

/** The reasons for which a request is refused. */
export type Fault =
  | { kind: "malformed"; expected: string; received: string }
  | { kind: "invalid"; errors: InvalidField[]; next?: string | undefined }
  | { kind: "unauthorised" }
  | { kind: "forbidden"; needs: string }
  | { kind: "not-found"; what: string; next: string }
  | { kind: "conflict"; expected: string; received: string; next: string }
  | { kind: "method"; method: string; path: string; allowed: string[] }
  | { kind: "too-large"; maxBytes: number; next?: string | undefined }
  | { kind: "unsupported"; expected: string; received: string; next: string; encodings?: string }
  | { kind: "too-many-labels"; limit: string; received: string; retryAfterSeconds: number; next: string }
  | { kind: "loop"; via: string[]; max: number }
  | { kind: "limited"; limit: ReachedLimit }
  | { kind: "saturated"; retryAfterMs: number }
  | { kind: "unavailable"; reason: string; next: string }
  | { kind: "late"; reason: string }
  | { kind: "broken-artefact"; artefact: string; reason: string };

/** Carries a fault to the response. */
export class FaultError extends Error {
  override readonly name = "FaultError";
  readonly fault: Fault;
  constructor(fault: Fault, options?: ErrorOptions) {
    super(fault.kind, options);
    this.fault = fault;
  }
}

/** Describes a fault to the caller: RFC 9457 problem details. */
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
      return problem(400, "Bad request", {
        detail: `Expected ${fault.expected}; received ${fault.received}.`,
        expected: fault.expected,
        received: fault.received,
        next: "Correct the body and send the request again.",
      });
    case "invalid": {
      const errors = fault.errors.map((error) => ({ ...error, message: sentenceOf(error) }));
      return problem(422, "Validation failed", {
        detail: errors[0]?.message ?? "The request does not match its schema.",
        next: ["Fix the fields listed in `errors` and send the request again. Nothing was stored.", fault.next]
          .filter((part) => part !== undefined)
          .join(" "),
        errors,
      });
    }
    case "unauthorised":
      return problem(401, "Unauthorized", {
        detail: "Missing or invalid API token.",
        expected: "Authorization: Bearer <token>",
        next: "Send a token of this deployment. A local deployment lists its tokens in .upriver/credentials.json.",
      });
    case "forbidden":
      return problem(403, "Forbidden", {
        detail: `The token does not have ${fault.needs}.`,
        expected: fault.needs,
        next: `Use a token that has ${fault.needs}.`,
      });
    case "not-found":
      return problem(404, "Not found", { detail: `There is no ${fault.what}.`, next: fault.next });
    case "method": {
      const allowed = fault.allowed.join(", ");
      return problem(405, "Method not allowed", {
        detail: `${fault.path} does not support ${fault.method}.`,
        expected: allowed,
        received: fault.method,
        next: `Use ${allowed}. GET /docs lists the routes.`,
      });
    }
    case "conflict":
      return problem(409, "Conflict", {
        detail: `Expected ${fault.expected}; received ${fault.received}.`,
        expected: fault.expected,
        received: fault.received,
        next: fault.next,
      });
    case "too-large":
      return problem(413, "Payload too large", {
        detail: `The body is larger than ${fault.maxBytes} bytes.`,
        expected: `at most ${fault.maxBytes} bytes`,
        next: fault.next ?? "Split the batch into smaller requests.",
      });
    case "unsupported":
      return problem(415, "Unsupported media type", {
        detail: `Expected ${fault.expected}; received ${fault.received}.`,
        expected: fault.expected,
        received: fault.received,
        next: fault.next,
      });
    case "too-many-labels":
      return problem(429, "Too many requests", {
        detail: `The limit is ${fault.limit}; received ${fault.received}.`,
        expected: `at most ${fault.limit}`,
        received: fault.received,
        next: fault.next,
        retryAfter: fault.retryAfterSeconds,
      });
    case "loop":
      return problem(508, "Loop detected", {
        detail: `The request passed ${fault.via.join(" → ")}.`,
        expected: `each node once, ${fault.max} at most`,
        next: "Check NEXT_RUNG_URL and NODE_ID of these nodes.",
      });
    case "limited": {
      const { name, max, retryAfterMs } = fault.limit;
      const retryAfter = secondsOf(retryAfterMs);
      const per = limitNames[name];
      return problem(429, "Too many requests", {
        detail: `The limit '${name}' is reached: ${max} ${per}. Nothing was stored.`,
        next: `Wait ${retryAfter} seconds and send the request again, in smaller batches where it is large. OPERATIONS.md lists the limits.`,
        limit: { name, max, per },
        retryAfter,
      });
    }
    case "saturated": {
      const retryAfter = secondsOf(fault.retryAfterMs);
      return problem(503, "Service unavailable", {
        detail: "The region has as many questions as it can answer. Nothing was stored.",
        next: `Wait ${retryAfter} seconds and send the request again.`,
        retryAfter,
      });
    }
    case "unavailable":
      return problem(503, "Service unavailable", { detail: fault.reason, next: fault.next });
    case "late":
      return problem(504, "Gateway timeout", {
        detail: fault.reason,
        next: "Send the request again with a larger remainingMs.",
      });
    case "broken-artefact":
      return problem(502, "Bad gateway", {
        detail: `${fault.artefact}: ${fault.reason}.`,
        next: "Publish the version again (or pin the key that signed it), or roll back to the version before.",
      });
  }
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
