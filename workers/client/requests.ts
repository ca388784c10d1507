import type { AskBody, Instance } from "./contract.ts";
import type { ApiRequest } from "./transport.ts";

/** How long a caller waits: ms in all, tries and pauses included; and a signal that ends it at once. */
export interface WaitOptions {
  deadlineMs?: number;
  signal?: AbortSignal;
}

/** A picture as it is stored: JPEG, PNG or WebP. */
export type Picture = Blob | { type: string; bytes: ArrayBuffer | Uint8Array };

/** How questions are asked. */
export interface AskOptions extends WaitOptions, Pick<AskBody, "accept" | "trace" | "caller"> {
  /** The same key asks once, however often it is sent; the answer is kept for it. */
  idempotencyKey?: string;
  /** The region of a picture, where the model takes it from no header or location. */
  region?: string;
}

/** Questions in one request at most; the system's own limit. */
const batchMaxQuestions = 1_024;
/** Bytes of JSON in one request, under the system's own limit. */
const batchMaxBytes = 3 * 1024 * 1024;
/** Within how long the edge asks the rungs above, at most. */
const askMaxMs = 10_000;
export type WithDeadline<T extends WaitOptions> = Omit<T, "deadlineMs"> & { deadlineAt?: number | undefined };

export function withDeadline<T extends WaitOptions>({ deadlineMs, ...rest }: T): WithDeadline<T> {
  return {
    ...rest,
    deadlineAt: deadlineMs === undefined ? (rest as WithDeadline<T>).deadlineAt : Date.now() + deadlineMs,
  };
}

/**
 * A question that is sent again is the same question: by the caller's key, by its own id, or by an id that stands for
 * this request alone, which costs the edge nothing.
 */
export function askRequest(model: string, body: Partial<AskBody>, options: AskOptions): ApiRequest {
  const { idempotencyKey, signal, deadlineAt, region: _, ...rest } = withDeadline(options);
  const remainingMs = deadlineAt === undefined ? {} : { remainingMs: remainingOf(deadlineAt) };
  const headers = idempotencyHeaders(idempotencyKey);
  return { ...post(`${modelPath(model)}/ask`, { ...body, ...rest, ...remainingMs }), headers, signal, deadlineAt };
}

export function remainingOf(deadlineAt: number): number {
  return Math.max(1, Math.min(askMaxMs, deadlineAt - Date.now()));
}

export function idempotencyHeaders(idempotencyKey: string | undefined): Record<string, string> {
  return idempotencyKey === undefined
    ? { "x-upriver-request": crypto.randomUUID() }
    : { "idempotency-key": idempotencyKey };
}

export function pictureRequest(model: string, picture: Picture, options: AskOptions): ApiRequest {
  const { idempotencyKey, signal, deadlineAt, accept, caller, trace, region } = withDeadline(options);
  const given = { accept, caller, region, ...(trace ? { trace: "true" } : {}) };
  const query = new URLSearchParams(
    Object.entries(given).filter((one): one is [string, string] => one[1] !== undefined),
  );
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

export function pictureBody(picture: Picture): {
  body: Blob | ArrayBuffer | Uint8Array;
  headers: Record<string, string>;
} {
  const body = picture instanceof Blob ? picture : picture.bytes;
  return { body, headers: { "content-type": picture.type } };
}

export function isPicture(value: Instance | Picture): value is Picture {
  if (typeof Blob !== "undefined" && value instanceof Blob) return true;
  const { type, bytes } = value as { type?: unknown; bytes?: unknown };
  return typeof type === "string" && (bytes instanceof ArrayBuffer || ArrayBuffer.isView(bytes));
}

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

export function trainingPath(model: string, id: string): string {
  return `${modelPath(model)}/trainings/${encodeURIComponent(id)}`;
}

export function post(path: string, body: unknown): ApiRequest {
  return { method: "POST", path, body };
}

/** Says who the person behind the token is. */
export function reviewerHeaders(reviewer: string | undefined): Record<string, string> {
  return reviewer ? { "x-upriver-reviewer": reviewer } : {};
}

export function questionPath(id: string): string {
  return `/v1/questions/${encodeURIComponent(id)}`;
}
