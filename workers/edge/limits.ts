import { FaultError } from "#core/http/fault.ts";
import { type LimitName, limitsOf, type ReachedLimit } from "#core/limits/limits.ts";
import type { Call } from "./call.ts";

/** What the platform's binding counts in a minute, of each caller: shares of its limit (`[[ratelimits]]` in wrangler.toml). */
const unitsPerMinute = 60;
const minuteMs = 60_000;
/** A refused caller is logged once in this time. */
const logEveryMs = 10_000;

/** Returns what a caller's requests are counted under: its token, or its address. A network of IPv6 is one address. */
export function countedAs({ token, request }: Pick<Call, "token" | "request">): string {
  if (token) return `token ${token.id}`;
  const address = request.headers.get("cf-connecting-ip") ?? "";
  return `address ${address.includes(":") ? address.split(":").slice(0, 4).join(":") : address}`;
}

/**
 * Counts a request, or a stream, that is being answered. Returns what ends it. Throws the fault for a caller that has as many as
 * it may.
 */
export function holdRequest(call: Pick<Call, "token" | "request" | "node">): () => void {
  const { atOnce } = call.node.callers;
  const caller = countedAs(call);
  const now = atOnce.get(caller) ?? 0;
  const max = limitsOf(call.token)?.requestsAtOnce ?? Number.POSITIVE_INFINITY;
  if (now >= max) throw reached(call, { name: "requestsAtOnce", max, retryAfterMs: 1_000 });
  atOnce.set(caller, now + 1);
  return () => {
    const left = (atOnce.get(caller) ?? 0) - 1;
    if (left > 0) atOnce.set(caller, left);
    else atOnce.delete(caller);
  };
}

/**
 * Counts questions against the caller's rate: exactly in this isolate, and roughly over the isolates of a location by the
 * platform's binding. Throws the fault, before anything is stored, for a caller that asks faster than it may.
 */
export async function admitQuestions(call: Call, questions: number): Promise<void> {
  const max = limitsOf(call.token)?.questionsPerMinute;
  if (max === undefined) return;
  const caller = countedAs(call);
  const waitMs = call.node.callers.buckets.take(caller, max, questions, Date.now());
  if (waitMs > 0) throw reached(call, { name: "questionsPerMinute", max, retryAfterMs: waitMs });
  if (await isOverInLocation(call, caller, (questions * unitsPerMinute) / max)) {
    throw reached(call, { name: "questionsPerMinute", max, retryAfterMs: minuteMs / 4 });
  }
}

/** Returns the fault for a limit that a caller has reached, and logs it now and then. */
export function reached(call: Pick<Call, "token" | "request" | "node">, limit: ReachedLimit): FaultError {
  logReached(call, limit.name);
  return new FaultError({ kind: "limited", limit });
}

// The binding counts calls with one limit for all: a call stands for a sixtieth of what the caller may ask in a minute, so
// that callers who ask little cost none.
async function isOverInLocation({ env, node }: Call, caller: string, units: number): Promise<boolean> {
  const binding = env.QUESTION_RATE as RateLimit | undefined;
  if (!binding) return false;
  const { untold } = node.callers;
  const told = (untold.get(caller) ?? 0) + units;
  const whole = Math.min(unitsPerMinute, Math.floor(told));
  untold.set(caller, told - Math.floor(told));
  if (whole === 0) return false;
  const counted = await Promise.all(
    Array.from({ length: whole }, () => binding.limit({ key: caller }).catch(() => ({ success: true }))),
  );
  return counted.some(({ success }) => !success);
}

function logReached(call: Pick<Call, "token" | "request" | "node">, limit: LimitName): void {
  const { loggedAt } = call.node.callers;
  const key = `${limit} ${countedAs(call)}`;
  const now = Date.now();
  if (now - (loggedAt.get(key) ?? 0) < logEveryMs) return;
  loggedAt.set(key, now);
  // An address is personal data.
  console.warn(JSON.stringify({ event: "limited", limit, token: call.token?.id ?? "public" }));
}
