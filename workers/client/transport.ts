import { type Problem, problemSchema } from "../core/contract/index.ts";
import { ProblemError, UnreachableError } from "./errors.ts";

export interface TransportOptions {
  /** Where the edge is, without a path: "https://upriver.example.workers.dev". */
  url: string;
  /** A bearer token; none where asking is open to the public. */
  token?: string | undefined;
  /** How long one request may take, ms; 30,000 by default. */
  timeoutMs?: number;
  /** How often a request that may be repeated is tried in all; 3 by default. */
  tries?: number;
  fetch?: typeof fetch;
}

export interface Call {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  /** A JSON body, or bytes. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  /** Whether the same request twice is as good as once: such a one is tried again. */
  isRepeatable?: boolean;
}

interface Received {
  ok: boolean;
  status: number;
  bytes: ArrayBuffer;
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

  /** Sends a request and reads its JSON. Throws `ProblemError` for a refusal, `UnreachableError` where nobody answers. */
  async json<T>(call: Call): Promise<T> {
    const { status, bytes } = await this.send(call);
    const text = new TextDecoder().decode(bytes);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new ProblemError(unknownProblem(status, text, call));
    }
  }

  /** Sends a request and reads its bytes; throws as `json` does. */
  async bytes(call: Call): Promise<ArrayBuffer> {
    return (await this.send(call)).bytes;
  }

  private async send(call: Call): Promise<Received> {
    const tries = call.isRepeatable === false ? 1 : (this.options.tries ?? defaultTries);
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= tries;
      try {
        const received = await this.once(call);
        if (received.ok) return received;
        if (isLast || !passingStatuses.has(received.status)) throw new ProblemError(problemFrom(received, call));
      } catch (error) {
        if (error instanceof ProblemError || isLast || call.signal?.aborted) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** (attempt - 1) * (0.5 + Math.random())));
    }
  }

  private async once({ method, path, body, headers, signal, timeoutMs }: Call): Promise<Received> {
    const { url, token, fetch: send = fetch } = this.options;
    const isBytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body);
    const limit = AbortSignal.timeout(timeoutMs ?? this.options.timeoutMs ?? defaultTimeoutMs);
    try {
      const response = await send(new URL(path, url), {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isBytes ? (body as ArrayBuffer) : JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      // Read here, so that an answer cut off on its way is a failure like any other, and may be asked for again.
      return { ok: response.ok, status: response.status, bytes: await response.arrayBuffer() };
    } catch (cause) {
      if (signal?.aborted) throw cause;
      const reason =
        cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause);
      const next = "Is the edge running there? 'npm start' brings one up locally.";
      throw new UnreachableError(`${method} ${path}: ${url} did not answer (${reason}). ${next}`, { cause });
    }
  }
}

function problemFrom({ status, bytes }: Received, call: Call): Problem {
  const text = new TextDecoder().decode(bytes);
  try {
    return problemSchema.parse(JSON.parse(text));
  } catch {
    return unknownProblem(status, text, call);
  }
}

function unknownProblem(status: number, text: string, { method, path }: Call): Problem {
  return {
    type: "about:blank",
    title: `Status ${status}`,
    status,
    detail: text.slice(0, 200) || "The answer has no body.",
    operation: `${method} ${path}`,
    next: "Check that the address is an Upriver edge.",
  };
}
