import type { ZodError, ZodType } from "zod";
import { isArtefactError } from "../artefacts.ts";
import type { Problem } from "../contract/index.ts";
import { describe } from "../input/describe.ts";
import { InvalidQuestionsError, RungUnavailableError } from "../rung/rung.ts";
import { type Fault, FaultError, problemOf } from "./fault.ts";

/** What `Retry-After` says of an open question and of an unavailable rung. */
export const retryAfterSeconds = 2;

/** A problem document as a response. */
export function problemResponse(problem: Problem): Response {
  const headers = new Headers({ "content-type": "application/problem+json" });
  if (problem.status === 401) headers.set("www-authenticate", 'Bearer realm="upriver"');
  if (problem.status === 503) headers.set("retry-after", String(retryAfterSeconds));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** The response for anything thrown while `operation` was carried out; null for what nobody expected. */
export function expectedResponse(error: unknown, operation: string, respond = problemResponse): Response | null {
  const fault = faultOf(error);
  return fault && respond(problemOf(fault, operation));
}

/** The response for what nobody expected: it says nothing of the inside. */
export function unexpectedResponse(operation: string, respond = problemResponse): Response {
  return respond({
    type: "urn:upriver:problem:unexpected",
    title: "Something went wrong here",
    status: 500,
    detail: "The request failed for a reason of ours; the log has it.",
    operation,
    next: "Try again; if it stays, look into the log at this time.",
  });
}

function faultOf(error: unknown): Fault | null {
  if (error instanceof FaultError) return error.fault;
  if (error instanceof InvalidQuestionsError) return { kind: "invalid", errors: error.faults };
  if (error instanceof RungUnavailableError) {
    return { kind: "unavailable", reason: error.message, next: "Ask again in a moment; the same id is asked once." };
  }
  if (isArtefactError(error)) return { kind: "broken-artefact", artefact: error.artefact, reason: error.reason };
  return null;
}

/** Reads a JSON body of at most `maxBytes` by a schema, or throws the fault with all that is wrong. */
export async function readJson<T>(request: Request, schema: ZodType<T>, maxBytes: number): Promise<T> {
  return parseJson(await readBytes(request, maxBytes), schema);
}

/** Parses the bytes of a JSON body by a schema, or throws the fault with all that is wrong. */
export function parseJson<T>(bytes: ArrayBuffer | Uint8Array, schema: ZodType<T>): T {
  const text = new TextDecoder().decode(bytes);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    const received = text === "" ? "an empty body" : `broken JSON (${(cause as Error).message})`;
    throw new FaultError({ kind: "malformed", expected: "a JSON body", received });
  }
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new FaultError({ kind: "invalid", errors: schemaErrors(result.error, body) });
}

/** Reads a body, and stops as soon as it is larger than `maxBytes`. */
export async function readBytes(request: Request, maxBytes: number): Promise<ArrayBuffer> {
  const tooLarge = new FaultError({ kind: "too-large", maxBytes });
  const announced = request.headers.get("content-length");
  if (Number(announced ?? 0) > maxBytes) throw tooLarge;
  // A body of a known length can't be longer; one without is counted as it comes.
  if (announced !== null) return request.arrayBuffer();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBytes) {
      await reader?.cancel();
      throw tooLarge;
    }
    parts.push(part.value);
  }
  return new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer();
}

function schemaErrors(error: ZodError, body: unknown) {
  return error.issues.slice(0, 20).map((issue) => ({
    path: issue.path.map(String).join("."),
    expected: issue.message,
    received: describe(
      issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)?.[key], body),
    ),
  }));
}
