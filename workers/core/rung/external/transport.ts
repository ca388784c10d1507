import { isRedirect } from "../../http/redirect.ts";
import { type NoAnswer, RungUnavailableError } from "../rung.ts";

/** Where a rung is, and the key that it wants. */
export interface Endpoint {
  url: string;
  key: string | null;
  headers?: Record<string, string>;
  fetch?: typeof fetch;
}

const replyMaxBytes = 1024 * 1024;
const requestMaxChars = 512 * 1024;
/** An error's body is read only for its code. */
const errorMaxBytes = 16 * 1024;
/** A longer hint is a mistake. */
const hintMaxMs = 24 * 3600_000;
/** Codes of allowances that waiting for seconds does not fill: OpenAI's, and those of Workers AI. */
const allowanceCodes = new Set([
  ...["insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded"],
  ...["credit_balance_exhausted", "3036", "4006"],
]);
/** The question, not the rung, is at fault; of our own nodes also an id of another caller, and a loop. */
const rejections = new Set([400, 409, 413, 422, 508]);

/** A refusal as it came. */
export interface Refused {
  status: number;
  /** The JSON of its body; null where it is none. */
  body: unknown;
  retryAfterMs: number | null;
}

/** How a rung is asked, where not as one that we don't own. */
export interface PostOptions {
  replyMaxBytes?: number;
  requestMaxChars?: number;
  /** Says what a refusal means. */
  refusal?: (refused: Refused) => RungUnavailableError;
}

/**
 * Posts JSON to a rung and returns the JSON of its reply. Follows no redirect, reads at most 1 MiB unless told otherwise, and
 * tries once. Throws `RungUnavailableError`, whose message quotes neither key nor bodies.
 */
export async function postJson(
  endpoint: Endpoint,
  path: string,
  body: unknown,
  signal: AbortSignal,
  options: PostOptions = {},
): Promise<unknown> {
  const { url, key, headers = {}, fetch: send = fetch } = endpoint;
  const text = requestText(body, options.requestMaxChars);
  let response: Response;
  try {
    response = await send(`${url.replace(/\/+$/, "")}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        ...headers,
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      },
      body: text,
      redirect: "manual",
      signal,
    });
  } catch (cause) {
    throw noAnswer("failed", signal.aborted ? "it did not answer in time" : "it can't be reached", { cause });
  }
  if (isRedirect(response)) {
    await response.body?.cancel();
    throw noAnswer("failed", "it redirects, which is not followed");
  }
  if (!response.ok) throw await refusalOf(response, signal, options.refusal);
  const reply = await readText(response, options.replyMaxBytes ?? replyMaxBytes, signal);
  try {
    return JSON.parse(reply);
  } catch {
    throw noAnswer("failed", "its reply is no JSON");
  }
}

/** A request that a rung does not take, since it is too large. */
export class TooLargeError extends RungUnavailableError {
  constructor(reason: string) {
    super(reason, { why: "rejected" });
  }
}

/** Writes a request's JSON. Throws `RungUnavailableError` for one that is too large: servers may cut it without a word. */
export function requestText(body: unknown, maxChars = requestMaxChars): string {
  const text = JSON.stringify(body);
  if (text.length <= maxChars) return text;
  throw new TooLargeError("the request is too large for the rung");
}

/** Creates the error of a rung that gives no answer. */
export function noAnswer(
  why: NoAnswer,
  reason: string,
  { cause, retryAfterMs = null }: { cause?: unknown; retryAfterMs?: number | null } = {},
): RungUnavailableError {
  return new RungUnavailableError(reason, { why, retryAfterMs, ...(cause === undefined ? {} : { cause }) });
}

/** Tells an empty allowance from a rate limit, by the code of an error. */
export function isAllowance(code: string | null): boolean {
  return code !== null && allowanceCodes.has(code);
}

async function refusalOf(
  response: Response,
  signal: AbortSignal,
  own: PostOptions["refusal"],
): Promise<RungUnavailableError> {
  const { status, headers } = response;
  const body = await readText(response, errorMaxBytes, signal).then(parsed, () => null);
  const retryAfterMs = hintOf(headers);
  if (own) return own({ status, body, retryAfterMs });
  const code = codeOf(body);
  const reason = `status ${status}${code === null ? "" : `, ${code}`}`;
  if (status === 402 || (status === 429 && isAllowance(code))) return noAnswer("allowance", reason, { retryAfterMs });
  if (status === 429) return noAnswer("rate-limited", reason, { retryAfterMs });
  return noAnswer(rejections.has(status) ? "rejected" : "failed", reason, { retryAfterMs });
}

/** Reads when to try again: `retry-after-ms`, else `retry-after` in seconds or as a date; null for neither. */
function hintOf(headers: Headers): number | null {
  const ms = headers.get("retry-after-ms");
  const after = headers.get("retry-after");
  const given = ms !== null ? Number(ms) : after === null ? Number.NaN : secondsOf(after) * 1_000;
  return given >= 0 && given <= hintMaxMs ? given : null;
}

function secondsOf(after: string): number {
  return /^\d+(\.\d+)?$/.test(after) ? Number(after) : (Date.parse(after) - Date.now()) / 1_000;
}

// A code names a kind of error. Messages may quote the question or the key.
function codeOf(body: unknown): string | null {
  const { error, detail, errors, error_type: own } = fieldsOf(body);
  const nested = fieldsOf(error);
  const first = Array.isArray(errors) ? fieldsOf(errors[0]) : {};
  const codes = [nested.code, nested.type, fieldsOf(detail).error_type, own, first.code];
  const code = codes.find((one) => typeof one === "string" || typeof one === "number");
  return code !== undefined && /^[a-z0-9_]{1,48}$/.test(String(code)) ? String(code) : null;
}

/** Returns the fields of an object; none of any other value. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function readText(response: Response, maxBytes: number, signal: AbortSignal): Promise<string> {
  const { headers } = response;
  // A body is as long as its sender says, unless it is compressed.
  const length = headers.has("content-encoding") ? Number.NaN : Number(headers.get("content-length") ?? Number.NaN);
  if (!(length <= maxBytes)) return readParts(response, maxBytes, signal);
  return response.text().catch((cause) => {
    throw brokenOff(signal, cause);
  });
}

function brokenOff(signal: AbortSignal, cause: unknown): RungUnavailableError {
  return noAnswer("failed", signal.aborted ? "it did not answer in time" : "its reply breaks off", { cause });
}

async function readParts(response: Response, maxBytes: number, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = "";
  let bytes = 0;
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      bytes += part.value.byteLength;
      if (bytes > maxBytes) {
        await reader?.cancel();
        throw noAnswer("failed", `its reply is larger than ${maxBytes} bytes`);
      }
      text += decoder.decode(part.value, { stream: true });
    }
  } catch (cause) {
    throw cause instanceof RungUnavailableError ? cause : brokenOff(signal, cause);
  }
  return text + decoder.decode();
}
