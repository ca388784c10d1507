import type { Problem } from "./contract.ts";
import { DeadlineError, ProblemError, UnreachableError } from "./errors.ts";

/** Options of `UpriverClient`. */
export interface TransportOptions {
  /** Address of the edge without a path: "https://upriver.example.workers.dev". */
  url: string;
  /** API token; not needed where asking is public. */
  token?: string | undefined;
  /** Longest duration of one attempt, ms; 30,000 by default. */
  timeoutMs?: number;
  /** Most attempts of a request that may be retried; 3 by default. */
  tries?: number;
  /** A replacement of the global `fetch`. */
  fetch?: typeof fetch;
}

/** A request to the HTTP API. */
export interface ApiRequest {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  /** A value to send as JSON, or bytes. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  /** When the call ends, retries and pauses included, ms since 1970. */
  deadlineAt?: number | undefined;
  /** Whether the request may be retried: it has the same effect once or twice. Default: true. */
  isRepeatable?: boolean;
}

interface Received {
  ok: boolean;
  status: number;
  bytes: ArrayBuffer;
  retryAfterMs: number | null;
}

const defaultTimeoutMs = 30_000;
const defaultTries = 3;
const firstPauseMs = 200;
/** The longest `Retry-After` that is waited for. */
export const pauseMaxMs = 60_000;
/** Statuses that are worth a retry: rate limits, and rungs that are down. */
const retriedStatuses = new Set([429, 502, 503, 504]);

/** Sends requests, retries those that may be retried, and throws typed errors. */
export class Transport {
  private readonly options: TransportOptions;

  constructor(options: TransportOptions) {
    this.options = options;
  }

  /**
   * Sends a request and reads its JSON. Throws `ProblemError` when it is refused, `UnreachableError` when the edge does
   * not answer, `DeadlineError` after the deadline, and the signal's reason when it aborts.
   */
  async json<T>(request: ApiRequest): Promise<T> {
    const { status, bytes } = await this.send(request);
    const text = new TextDecoder().decode(bytes);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new ProblemError(unknownProblem(status, text, request));
    }
  }

  /** Sends a request and reads its bytes. Throws as `json` does. */
  async bytes(request: ApiRequest): Promise<ArrayBuffer> {
    return (await this.send(request)).bytes;
  }

  /** Sends a request once and returns its body as a stream. Throws as `json` does. */
  async stream(request: ApiRequest): Promise<ReadableStream<Uint8Array>> {
    const response = await this.fetchOnce(request, request.signal);
    if (response.ok && response.body) return response.body;
    throw new ProblemError(problemFrom(response.status, await response.arrayBuffer(), request));
  }

  private async send(request: ApiRequest): Promise<Received> {
    const tries = request.isRepeatable === false ? 1 : (this.options.tries ?? defaultTries);
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= tries;
      let pauseMs = firstPauseMs * 2 ** (attempt - 1) * (0.5 + Math.random());
      try {
        const received = await this.once(request);
        if (received.ok) return received;
        // What is limited for longer, such as a month's budget, is for the caller to decide.
        const isLong = (received.retryAfterMs ?? 0) > pauseMaxMs;
        if (isLast || isLong || !retriedStatuses.has(received.status)) {
          throw new ProblemError(problemFrom(received.status, received.bytes, request));
        }
        pauseMs = Math.max(pauseMs, received.retryAfterMs ?? 0);
      } catch (error) {
        const isFinal = error instanceof ProblemError || error instanceof DeadlineError;
        if (isFinal || isLast || request.signal?.aborted) throw error;
      }
      if (leftMs(request) <= pauseMs) throw deadlinePassed(request);
      await pause(pauseMs, request.signal);
    }
  }

  private async once(request: ApiRequest): Promise<Received> {
    const { signal, timeoutMs } = request;
    const left = leftMs(request);
    if (left <= 0) throw deadlinePassed(request);
    const limit = AbortSignal.timeout(Math.min(left, timeoutMs ?? this.options.timeoutMs ?? defaultTimeoutMs));
    const response = await this.fetchOnce(request, signal ? AbortSignal.any([signal, limit]) : limit);
    // Reading the body here makes a response that breaks off a failed attempt, which may be retried.
    const bytes = await response.arrayBuffer().catch((cause: unknown) => this.fail(request, cause));
    const { ok, status } = response;
    return { ok, status, bytes, retryAfterMs: retryAfterOf(response) };
  }

  private async fetchOnce(request: ApiRequest, signal: AbortSignal | undefined): Promise<Response> {
    const { method, path, body, headers } = request;
    const { url, token, fetch: send = fetch } = this.options;
    const isRaw = body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob;
    let response: Response;
    try {
      response = await send(new URL(path, url), {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": isRaw ? "application/octet-stream" : "application/json" }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isRaw ? (body as ArrayBuffer) : JSON.stringify(body) }),
        // The token is for this address alone, and a redirected POST would lose its body.
        redirect: "manual",
        ...(signal ? { signal } : {}),
      });
    } catch (cause) {
      return this.fail(request, cause);
    }
    if (!isRedirect(response)) return response;
    await response.body?.cancel();
    const to = response.headers.get("location");
    throw new ProblemError({
      ...{ type: "about:blank", title: "Redirect", status: response.status, operation: `${method} ${path}` },
      detail: `${url} redirects${to === null ? "" : ` to ${to}`}, which is not followed.`,
      next: "Use the address of the edge itself.",
    });
  }

  private fail(request: ApiRequest, cause: unknown): never {
    if (request.signal?.aborted) throw request.signal.reason;
    if (leftMs(request) <= 0) throw deadlinePassed(request, cause);
    const next = "Check the address; 'npm start' runs an edge on this machine.";
    throw new UnreachableError(`${this.options.url} did not answer: ${reasonOf(cause)}. ${next}`, { cause });
  }
}

const reasons: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "unknown host",
  EAI_AGAIN: "unknown host",
  ERR_INVALID_URL: "not a valid address",
};

// Node has the code at the cause of fetch's TypeError; browsers give no reason at all.
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "connection failed";
  if (cause.name === "TimeoutError") return "timed out";
  const { code } = (cause.cause ?? cause) as { code?: unknown };
  return reasons[String(code)] ?? "connection failed";
}

function leftMs({ deadlineAt }: ApiRequest): number {
  return deadlineAt === undefined ? Number.POSITIVE_INFINITY : deadlineAt - Date.now();
}

function deadlinePassed({ method, path }: ApiRequest, cause?: unknown): DeadlineError {
  return new DeadlineError(`${method} ${path} did not finish before its deadline. Allow more time with deadlineMs.`, {
    cause,
  });
}

/** Waits. Rejects with the signal's reason when it aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

// A browser hides the status of a redirect that is not followed. Not of core: the package contains the client alone.
function isRedirect({ status }: Response): boolean {
  return status === 0 || (status >= 300 && status < 400 && status !== 304);
}

function retryAfterOf({ headers }: Response): number | null {
  const after = headers.get("retry-after");
  if (after === null) return null;
  const ms = /^\d+(\.\d+)?$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

function problemFrom(status: number, bytes: ArrayBuffer, request: ApiRequest): Problem {
  const text = new TextDecoder().decode(bytes);
  try {
    const parsed: unknown = JSON.parse(text);
    if (isProblem(parsed)) return parsed;
  } catch {
    // Another server than Upriver answered.
  }
  return unknownProblem(status, text, request);
}

function isProblem(value: unknown): value is Problem {
  const { type, title, status, detail, operation, next } = (value ?? {}) as Record<string, unknown>;
  const texts = [type, title, detail, operation, next];
  return typeof status === "number" && texts.every((text) => typeof text === "string");
}

function unknownProblem(status: number, text: string, { method, path }: ApiRequest): Problem {
  return {
    type: "about:blank",
    title: `Status ${status}`,
    status,
    detail: text.slice(0, 200) || "The response has no body.",
    operation: `${method} ${path}`,
    next: "Check that the address is that of an Upriver edge.",
  };
}
