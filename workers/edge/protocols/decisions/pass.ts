import { monthEnd, monthOf } from "#core/budget/month.ts";
import { FaultError, problemOf } from "#core/http/fault.ts";
import { tokensOf } from "#core/rung/external/distribution.ts";
import { fieldsOf, postJson } from "#core/rung/external/transport.ts";
import { mayBeBilled, type NoAnswer, RungUnavailableError } from "#core/rung/rung.ts";
import { hasScope } from "#core/tokens.ts";
import type { Call } from "../../call.ts";
import type { refuseDecisions } from "./refuse.ts";

const passTimeoutMs = 10_000;

/** Marks a request that was passed on: nobody passes it again, or two servers could name each other. */
const passedHeader = "x-upriver-passed";

/** Tells whether a caller's questions for models that are not ours go to the server above: off unless it is named. */
export function mayPass({ env, token, request }: Call): boolean {
  if (request.headers.has(passedHeader)) return false;
  return (env.DECISIONS_ABOVE_URL ?? "") !== "" && token !== null && hasScope(token, "pass");
}

/** The reply to a request that was passed on, and what it may have cost: the tokens that were read, or whether anything did. */
interface Passed {
  response: Response;
  billed: { tokens: number | null } | boolean;
}

/**
 * Passes a request to the server above, with this deployment's key, and returns its reply. What it refuses is told in the
 * protocol's form: its own words may quote the key. A request that the month's budget has nothing left for is refused too.
 */
export async function passAbove(
  call: Call,
  path: string,
  body: { model: string },
  refuse: typeof refuseDecisions,
): Promise<Response> {
  const { env, node } = call;
  const { passing } = node;
  if (!passing) return (await pass(call, path, body, refuse)).response;
  const bytes = new TextEncoder().encode(JSON.stringify(body)).byteLength;
  const reserved = await passing.reserve(env, bytes).catch((cause) => {
    const reason = "The books of what is passed on can't be reached.";
    throw new FaultError({ kind: "unavailable", reason, next }, { cause });
  });
  const report = (slackUsd: number) => {
    call.later(
      passing.report(env, slackUsd).catch((error) => {
        console.error(JSON.stringify({ event: "passed-not-reported", error: String(error) }));
      }),
    );
  };
  if (!reserved) {
    report(0);
    return usedUp(refuse);
  }
  const { response, billed } = await pass(call, path, body, refuse);
  passing.settle(reserved, billed);
  report(reserved.mostUsd);
  return response;
}

async function pass(
  { env, token, span, node }: Call,
  path: string,
  body: { model: string },
  refuse: typeof refuseDecisions,
): Promise<Passed> {
  const key = (env as unknown as { RUNG_KEY_DECISIONS?: string }).RUNG_KEY_DECISIONS || null;
  const signal = AbortSignal.timeout(passTimeoutMs);
  const headers = { [passedHeader]: node.id };
  try {
    const reply = await postJson({ url: env.DECISIONS_ABOVE_URL, key, headers }, path, body, signal);
    const tokens = tokensOf(fieldsOf(fieldsOf(reply).usage).input_tokens);
    const line = { event: "passed-above", owner: token?.id, model: body.model, inputTokens: tokens, trace: span.trace };
    console.log(JSON.stringify(line));
    return { response: Response.json(reply), billed: { tokens } };
  } catch (error) {
    if (!(error instanceof RungUnavailableError)) throw error;
    const { why, retryAfterMs } = error;
    const reason = `The server above did not answer: ${error.message}.`;
    const problem = { ...problemOf({ kind: "unavailable", reason, next }, "decide"), status: statuses[why] };
    const code = why === "allowance" ? { code: allowanceCode } : {};
    const wait = retryAfterMs === null ? {} : waitOf(retryAfterMs);
    return { response: refuse(problem, { ...code, ...wait }), billed: mayBeBilled(error) };
  }
}

function usedUp(refuse: typeof refuseDecisions): Response {
  const now = Date.now();
  const reason = "The month's budget for models that are not ours is used up.";
  const remedy = "Wait for the next month (UTC), or raise DECISIONS_ABOVE_BUDGET.";
  const problem = { ...problemOf({ kind: "unavailable", reason, next: remedy }, "decide"), status: statuses.allowance };
  return refuse(problem, { code: allowanceCode, ...waitOf(monthEnd(monthOf(now)) - now) });
}

function waitOf(ms: number) {
  return { headers: { "retry-after": String(Math.ceil(ms / 1_000)) } };
}

const allowanceCode = "insufficient_quota";
const next = "Wait, then send the request again.";
const statuses: Readonly<Record<NoAnswer, number>> = {
  failed: 503,
  late: 504,
  "rate-limited": 429,
  allowance: 429,
  rejected: 422,
  declined: 422,
};
