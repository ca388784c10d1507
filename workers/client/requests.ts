import type { AskBody, Instance } from "./contract.ts";
import type { Picture } from "./picture.ts";
import type { ApiRequest } from "./transport.ts";

/** When a call ends: after `deadlineMs`, retries and pauses included, or when `signal` aborts. */
export interface WaitOptions {
  deadlineMs?: number;
  signal?: AbortSignal;
}

/** Options of `ask` and of the other methods that ask questions. */
export interface AskOptions extends WaitOptions, Pick<AskBody, "accept" | "trace" | "caller" | "candidates" | "top"> {
  /** Requests with the same key ask once; the edge keeps the answer for the key. */
  idempotencyKey?: string;
  /** The region of a picture, if the model does not take it from a header or the location. */
  region?: string;
}

/** Most questions in one request; the edge accepts no more. */
const batchMaxQuestions = 1_024;
/** Most bytes of JSON in one request, below the edge's limit. */
const batchMaxBytes = 3 * 1024 * 1024;
/** Longest time that the edge gives the rungs above. */
const askMaxMs = 10_000;
/** Options with the deadline as a moment, ms since 1970. */
export type WithDeadline<T extends WaitOptions> = Omit<T, "deadlineMs"> & { deadlineAt?: number | undefined };

/** Turns `deadlineMs` into the moment at which the call ends. */
export function withDeadline<T extends WaitOptions>({ deadlineMs, ...rest }: T): WithDeadline<T> {
  return {
    ...rest,
    deadlineAt: deadlineMs === undefined ? (rest as WithDeadline<T>).deadlineAt : Date.now() + deadlineMs,
  };
}

/** Builds the request that asks questions; a retry of it asks the same questions, by key or by request id. */
export function askRequest(model: string, body: Partial<AskBody>, options: AskOptions): ApiRequest {
  const { idempotencyKey, signal, deadlineAt, region: _, ...rest } = withDeadline(options);
  const remainingMs = deadlineAt === undefined ? {} : { remainingMs: remainingOf(deadlineAt) };
  const headers = idempotencyHeaders(idempotencyKey);
  return { ...post(`${modelPath(model)}/ask`, { ...body, ...rest, ...remainingMs }), headers, signal, deadlineAt };
}

/** Returns the time left for the rungs above, in ms. */
function remainingOf(deadlineAt: number): number {
  return Math.max(1, Math.min(askMaxMs, deadlineAt - Date.now()));
}

/** Returns the headers by which the edge recognises a retry. */
function idempotencyHeaders(idempotencyKey: string | undefined): Record<string, string> {
  return idempotencyKey === undefined
    ? { "x-upriver-request": crypto.randomUUID() }
    : { "idempotency-key": idempotencyKey };
}

/** Builds the request that asks about a picture. */
export function pictureRequest(model: string, picture: Picture, options: AskOptions): ApiRequest {
  const { idempotencyKey, signal, deadlineAt, accept, caller, trace, region, candidates, top } = withDeadline(options);
  const given = { accept, caller, region, top: top?.toString(), ...(trace ? { trace: "true" } : {}) };
  const query = new URLSearchParams(
    Object.entries(given).filter((one): one is [string, string] => one[1] !== undefined),
  );
  for (const label of candidates ?? []) query.append("candidates", label);
  const { body, headers } = pictureBody(picture);
  const path = `${modelPath(model)}/ask?${query}`;
  return {
    method: "POST",
    path,
    body,
    headers: { ...headers, ...idempotencyHeaders(idempotencyKey) },
    signal,
    deadlineAt,
  };
}

/** Returns the body and content type of a picture. */
export function pictureBody(picture: Picture): {
  body: Blob | ArrayBuffer | Uint8Array;
  headers: Record<string, string>;
} {
  const body = picture instanceof Blob ? picture : picture.bytes;
  return { body, headers: { "content-type": picture.type } };
}

/** Tells whether a value is a picture. */
export function isPicture(value: Instance | Picture): value is Picture {
  if (typeof Blob !== "undefined" && value instanceof Blob) return true;
  const { type, bytes } = value as { type?: unknown; bytes?: unknown };
  return typeof type === "string" && (bytes instanceof ArrayBuffer || ArrayBuffer.isView(bytes));
}

/** Divides instances into batches that fit into one request each. */
export function batchesOf(instances: readonly Instance[]): Instance[][] {
  const batches: Instance[][] = [];
  let bytes = 0;
  for (const instance of instances) {
    const size = JSON.stringify(instance).length + 1;
    const batch = batches.at(-1);
    if (!batch || batch.length >= batchMaxQuestions || bytes + size > batchMaxBytes) {
      batches.push([instance]);
      bytes = size;
    } else {
      batch.push(instance);
      bytes += size;
    }
  }
  return batches;
}

export function modelPath(model: string): string {
  return `/v1/models/${encodeURIComponent(model)}`;
}

export function regionPath(model: string, region: string): string {
  return `${modelPath(model)}/regions/${encodeURIComponent(region)}`;
}

/** Builds the query of a page: what is undefined or false is left out. */
export function pageQuery(page: Record<string, string | number | boolean | undefined>): string {
  const given = Object.entries(page).filter(([, value]) => value !== undefined && value !== false);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return query.size > 0 ? `?${query}` : "";
}

export function trainingPath(model: string, id: string): string {
  return `${modelPath(model)}/trainings/${encodeURIComponent(id)}`;
}

export function tokenPath(id: string): string {
  return `/v1/tokens/${encodeURIComponent(id)}`;
}

export function nodePath(id: string): string {
  return `/v1/nodes/${encodeURIComponent(id)}`;
}

/** Builds a POST request with a JSON body. */
export function post(path: string, body: unknown): ApiRequest {
  return { method: "POST", path, body };
}

/** Returns the header that names the person who reviews. */
export function reviewerHeaders(reviewer: string | undefined): Record<string, string> {
  return reviewer ? { "x-upriver-reviewer": reviewer } : {};
}

export function questionPath(id: string): string {
  return `/v1/questions/${encodeURIComponent(id)}`;
}
