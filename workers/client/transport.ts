import type { Problem } from "./contract.ts";
import { DeadlineError, ProblemError, UnreachableError } from "./errors.ts";

export interface TransportOptions {
  /** Where the edge is, without a path: "https://upriver.example.workers.dev". */
  url: string;
  /** A bearer token; none where asking is open to the public. */
  token?: string | undefined;
  /** How long one try may take, ms; 30,000 by default. */
  timeoutMs?: number;
  /** How often a request that may be repeated is tried in all; 3 by default. */
  tries?: number;
  fetch?: typeof fetch;
}

export interface ApiRequest {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  /** A JSON body, or bytes. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  /** When the caller's time is over, ms since 1970: tries and pauses included. */
  deadlineAt?: number | undefined;
  /** Whether the same request twice is as good as once: such a one is tried again. */
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
/** Statuses that pass: too many at once, or not there just now. */
const passingStatuses = new Set([429, 502, 503, 504]);

/** Sends requests, tries again what may be tried again, and turns refusals into typed errors. */
export class Transport {
  private readonly options: TransportOptions;

  constructor(options: TransportOptions) {
    this.options = options;
  }

  /**
   * Sends a request and reads its JSON. Throws `ProblemError` for a refusal, `UnreachableError` where nobody answers,
   * `DeadlineError` when the caller's time is over, and the signal's reason when it is told to stop.
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

  /** Sends a request and reads its bytes; throws as `json` does. */
  async bytes(request: ApiRequest): Promise<ArrayBuffer> {
    return (await this.send(request)).bytes;
  }

  /** Sends a request once and gives its body as it comes; throws as `json` does. */
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
        if (isLast || !passingStatuses.has(received.status)) {
          throw new ProblemError(problemFrom(received.status, received.bytes, request));
        }
        pauseMs = Math.max(pauseMs, received.retryAfterMs ?? 0);
      } catch (error) {
        const isFinal = error instanceof ProblemError || error instanceof DeadlineError;
        if (isFinal || isLast || request.signal?.aborted) throw error;
      }
      if (leftMs(request) <= pauseMs) throw late(request);
      await pause(pauseMs, request.signal);
    }
  }

  private async once(request: ApiRequest): Promise<Received> {
    const { signal, timeoutMs } = request;
    const left = leftMs(request);
    if (left <= 0) throw late(request);
    const limit = AbortSignal.timeout(Math.min(left, timeoutMs ?? this.options.timeoutMs ?? defaultTimeoutMs));
    const response = await this.fetchOnce(request, signal ? AbortSignal.any([signal, limit]) : limit);
    // Read here, so that an answer cut off on its way is a failure like any other, and may be asked for again.
    const bytes = await response.arrayBuffer().catch((cause: unknown) => this.fail(request, cause));
    const { ok, status } = response;
    return { ok, status, bytes, retryAfterMs: retryAfterOf(response) };
  }

  private async fetchOnce(request: ApiRequest, signal: AbortSignal | undefined): Promise<Response> {
    const { method, path, body, headers } = request;
    const { url, token, fetch: send = fetch } = this.options;
    const isRaw = body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob;
    try {
      return await send(new URL(path, url), {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": isRaw ? "application/octet-stream" : "application/json" }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isRaw ? (body as ArrayBuffer) : JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      });
    } catch (cause) {
      return this.fail(request, cause);
    }
  }

  private fail(request: ApiRequest, cause: unknown): never {
    if (request.signal?.aborted) throw request.signal.reason;
    if (leftMs(request) <= 0) throw late(request, cause);
    const inner = cause instanceof Error ? (cause.cause as Error | undefined) : undefined;
    const reason = cause instanceof Error ? (inner?.message ?? cause.message) : String(cause);
    const next = "Is the edge running there? 'npm start' brings one up locally.";
    throw new UnreachableError(
      `${request.method} ${request.path}: ${this.options.url} did not answer (${reason}). ${next}`,
      {
        cause,
      },
    );
  }
}

function leftMs({ deadlineAt }: ApiRequest): number {
  return deadlineAt === undefined ? Number.POSITIVE_INFINITY : deadlineAt - Date.now();
}

function late({ method, path }: ApiRequest, cause?: unknown): DeadlineError {
  return new DeadlineError(`${method} ${path}: the time that was given is over. Give it more with deadlineMs.`, {
    cause,
  });
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
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

function retryAfterOf({ headers }: Response): number | null {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1_000 : null;
}

function problemFrom(status: number, bytes: ArrayBuffer, request: ApiRequest): Problem {
  const text = new TextDecoder().decode(bytes);
  try {
    const parsed: unknown = JSON.parse(text);
    if (isProblem(parsed)) return parsed;
  } catch {
    // Something else than Upriver answered.
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
    detail: text.slice(0, 200) || "The answer has no body.",
    operation: `${method} ${path}`,
    next: "Check that the address is an Upriver edge.",
  };
}
