import type { ZodType } from "zod";
import { isArtefactError } from "../artefacts.ts";
import { protoName } from "../contract/field-name.ts";
import type { Problem } from "../contract/index.ts";
import { InvalidQuestionsError, RungUnavailableError } from "../rung/rung.ts";
import { contentType, readBytes } from "./body.ts";
import { type Fault, FaultError, problemOf } from "./fault.ts";
import { type InvalidField, invalidFields } from "./issues.ts";

/** The `Retry-After` of an open question and of an unavailable rung. */
export const retryAfterSeconds = 2;

/** Builds the response for a problem document. */
export function problemResponse(problem: Problem): Response {
  const headers = new Headers({ "content-type": "application/problem+json" });
  if (problem.status === 401) headers.set("www-authenticate", 'Bearer realm="upriver"');
  const after = retryAfterOf(problem);
  if (after !== null) headers.set("retry-after", String(after));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** Returns the seconds of a problem's `Retry-After`; null for none. */
export function retryAfterOf({ status, retryAfter }: Pick<Problem, "status" | "retryAfter">): number | null {
  return retryAfter ?? (status === 503 ? retryAfterSeconds : null);
}

/** Builds the response for an expected error of `operation`; null for an unexpected one. */
export function expectedResponse(error: unknown, operation: string, respond = problemResponse): Response | null {
  const fault = faultOf(error);
  return fault && faultResponse(fault, operation, respond);
}

/** Builds the response for a fault, with the headers that belong to it. */
export function faultResponse(fault: Fault, operation: string, respond = problemResponse): Response {
  const response = respond(problemOf(fault, operation));
  if (fault.kind === "method") response.headers.set("allow", fault.allowed.join(", "));
  if (fault.kind === "unsupported" && fault.encodings) response.headers.set("accept-encoding", fault.encodings);
  return response;
}

/** Builds the response for an unexpected error. It reveals nothing internal. */
export function unexpectedResponse(operation: string, respond = problemResponse): Response {
  return respond({
    type: "urn:upriver:problem:unexpected",
    title: "Internal server error",
    status: 500,
    detail: "An unexpected error occurred; the log has the details.",
    operation,
    next: "Try again. If it happens again, look for event `unexpected` in the log.",
  });
}

function faultOf(error: unknown): Fault | null {
  if (error instanceof FaultError) return error.fault;
  if (error instanceof InvalidQuestionsError) return { kind: "invalid", errors: error.faults };
  if (error instanceof RungUnavailableError) {
    return { kind: "unavailable", reason: error.message, next: tryAgain };
  }
  const reason = objectFault(error);
  if (reason !== null) return { kind: "unavailable", reason, next: isOldState(error) ? resetState : tryAgain };
  if (isArtefactError(error) && error.name === "OldFormatError") {
    const detail = `${error.artefact} has the format upriver/1 of Upriver 0.1, which this version cannot read.`;
    return { kind: "unavailable", reason: detail, next: resetState };
  }
  if (isArtefactError(error)) return { kind: "broken-artefact", artefact: error.artefact, reason: error.reason };
  return null;
}

const resetState =
  "Locally: run npm run reset, then npm start. Deployed: run npx wrangler delete, then deploy and publish again.";
const tryAgain = `Wait ${retryAfterSeconds} seconds and send the request again. A question with the same id is asked once.`;

/**
 * Says why a Durable Object can't answer now; null for errors of its own code. The runtime has retried what can be
 * retried, and an overloaded object must not be called again at once.
 */
export function objectFault(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (isOldState(error)) return error.message.replace(/^.*StateFormatError: /, "");
  const { overloaded, retryable } = error as { overloaded?: boolean; retryable?: boolean };
  if (overloaded) return "The object that serves this request is overloaded.";
  return retryable ? "The object that serves this request can't be reached." : null;
}

/** Whether an object refuses to start, since another version wrote its state. */
export function isOldState(error: unknown): boolean {
  return error instanceof Error && error.message.includes("StateFormatError");
}

/** Reads a JSON body of at most `maxBytes` by a schema, or throws the fault with everything that is wrong. */
export async function readJson<T>(
  request: Request,
  schema: ZodType<T>,
  maxBytes: number,
  explain?: Explain,
): Promise<T> {
  refuseOtherTypes(request);
  return parseJson(await readBytes(request, maxBytes), schema, explain);
}

/** Throws the fault for a content type that is never JSON. */
export function refuseOtherTypes(request: Request): void {
  const type = contentType(request);
  const next = othersToJson.find(({ types }) => types.test(type))?.next;
  if (next) throw new FaultError({ kind: "unsupported", expected: "application/json", received: type, next });
}

const othersToJson = [
  {
    types: /^text\/(csv|tab-separated-values)$/,
    next: "Send the rows as JSON: one object with the columns for each. GET /docs shows the body of each route.",
  },
  {
    types: /^multipart\/form-data$/,
    next: "Send JSON; or a picture itself as the body, as 'curl --data-binary @photo.jpg' does, where the model takes pictures.",
  },
];

/** Recognises a common mistake in a body that does not fit its schema. */
export type Explain = (body: unknown) => InvalidField | null;

/**
 * Parses the bytes of a JSON body by a schema, or throws the fault with everything that is wrong.
 * @param isPlain recognises the most frequent bodies that fit the schema as they are, faster than the schema does
 */
export function parseJson<T>(
  bytes: ArrayBuffer | Uint8Array,
  schema: ZodType<T>,
  explain?: Explain,
  isPlain?: (body: unknown) => body is T,
): T {
  const text = textOf(bytes);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    const received = text === "" ? "an empty body" : `broken JSON${placeOf(cause, text)}`;
    throw new FaultError({ kind: "malformed", expected: "a JSON body", received }, { cause });
  }
  const unsafe = text.includes(protoName) || text.includes("\\u") ? pathOfProto(body) : null;
  if (unsafe) {
    const field = {
      path: unsafe,
      expected: `a field name other than '${protoName}'`,
      received: "that name",
      message: `${unsafe} is not allowed as a field name.`,
    };
    throw new FaultError({ kind: "invalid", errors: [field] });
  }
  if (isPlain?.(body)) return body;
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const mistake = explain?.(body);
  throw new FaultError({
    kind: "invalid",
    errors: mistake ? [mistake] : invalidFields(result.error.issues, body, schema),
  });
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

function textOf(bytes: ArrayBuffer | Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new FaultError({ kind: "malformed", expected: "a JSON body in UTF-8", received: "other bytes" }, { cause });
  }
}

// Without recursion: a body may be nested deeper than the stack.
function pathOfProto(body: unknown): string | null {
  const open: { value: unknown; path: string }[] = [{ value: body, path: "" }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path } = next;
    if (typeof value !== "object" || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (key === protoName) return path === "" ? key : `${path}.${key}`;
      if (typeof inner === "object" && inner !== null) {
        open.push({ value: inner, path: path.length > pathMaxChars ? path : path === "" ? key : `${path}.${key}` });
      }
    }
  }
  return null;
}

const pathMaxChars = 200;

// V8 says where JSON breaks, unless it breaks at the end.
function placeOf(cause: unknown, text: string): string {
  const message = String(cause);
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return /end of JSON|Unterminated/.test(message) ? ", which ends too early" : "";
  const before = text.slice(0, Number(position)).split("\n");
  return ` at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
