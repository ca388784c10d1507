import { problemOf } from "#core/http/fault.ts";
import { postJson } from "#core/rung/external/transport.ts";
import { type NoAnswer, RungUnavailableError } from "#core/rung/rung.ts";
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

/**
 * Passes a request to the server above, with this deployment's key, and returns its reply. What it refuses is told in the
 * protocol's form: its own words may quote the key.
 */
export async function passAbove(
  call: Call,
  path: string,
  body: { model: string },
  refuse: typeof refuseDecisions,
): Promise<Response> {
  const { env, token, span } = call;
  const key = (env as unknown as { RUNG_KEY_DECISIONS?: string }).RUNG_KEY_DECISIONS || null;
  const signal = AbortSignal.timeout(passTimeoutMs);
  const headers = { [passedHeader]: call.node.id };
  try {
    const reply = (await postJson({ url: env.DECISIONS_ABOVE_URL, key, headers }, path, body, signal)) as {
      usage?: { input_tokens?: number };
    };
    const inputTokens = Number(reply?.usage?.input_tokens ?? 0);
    console.log(
      JSON.stringify({ event: "passed-above", owner: token?.id, model: body.model, inputTokens, trace: span.trace }),
    );
    return Response.json(reply);
  } catch (error) {
    if (!(error instanceof RungUnavailableError)) throw error;
    const { why, retryAfterMs } = error;
    const problem = {
      ...problemOf(
        { kind: "unavailable", reason: `The server above did not answer: ${error.message}.`, next },
        "decide",
      ),
      status: statuses[why],
    };
    const code = why === "allowance" ? { code: "insufficient_quota" } : {};
    const headers =
      retryAfterMs === null ? {} : { headers: { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) } };
    return refuse(problem, { ...code, ...headers });
  }
}

const next = "Wait, then send the request again.";
const statuses: Readonly<Record<NoAnswer, number>> = {
  failed: 503,
  late: 504,
  "rate-limited": 429,
  allowance: 429,
  rejected: 422,
  declined: 422,
};
