import { type AskBody, askTimeoutMs, viaMaxRungs } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { preferredWaitMs } from "#core/http/prefer.ts";
import { limitsOf, ownerLimitsOf } from "#core/limits/limits.ts";
import type { Hop } from "#core/rung/rung.ts";
import { readStamps, stampOf } from "#core/rung/stamp.ts";
import { readVia } from "#core/rung/via.ts";
import { hasScope } from "#core/tokens.ts";
import { traceHeaders } from "#core/trace-context.ts";
import { type Call, isTrustedCaller, ownerOf } from "../call.ts";

/** Tells whether the caller is a rung below, whose deadline, `via`, data time and inference are believed. */
export function isRung({ token }: Pick<Call, "token">): boolean {
  return token !== null && hasScope(token, "rung");
}

/** Tells whether a body comes from a rung, believed or not: only rungs say which nodes they passed. */
export function isHop({ via }: Pick<AskBody, "via">): boolean {
  return via !== undefined;
}

/** Builds the hop of a request. Only a rung's deadline shortens the time of the rungs above; others only wait no longer. */
export async function createHop(call: Call, body: AskBody): Promise<Hop> {
  const given = Math.min(body.remainingMs ?? askTimeoutMs, askTimeoutMs);
  const limits = limitsOf(call.token);
  return {
    owner: ownerOf(call),
    ...(isTrustedCaller(call) ? {} : { trusted: false }),
    remainingMs: isRung(call) ? given : askTimeoutMs,
    waitMs: Math.min(given, preferredWaitMs(call.request, askTimeoutMs) ?? askTimeoutMs),
    ...(await passedNodes(call, body.via)),
    trace: body.trace ?? false,
    ...(limits ? { limits: ownerLimitsOf(limits) } : {}),
    ...traceHeaders(call.span),
  };
}

/**
 * Returns the nodes that a request has passed, this one included. `via` is believed of rungs alone. Throws the fault for a loop:
 * this node finds itself in `via`, or its own stamp, which nobody else can make.
 */
export async function passedNodes(call: Call, given?: string[]): Promise<Required<Pick<Hop, "via" | "stamps">>> {
  const { node, request } = call;
  const via = isRung(call) ? (given ?? readVia(request.headers)) : [];
  const stamps = readStamps(request.headers);
  const passed = [...via, node.id];
  const own = node.stamp ?? (await stampOf(call.env.SPLIT_SECRET, node.id));
  node.stamp = own;
  const isLoop = via.includes(node.id) || stamps.includes(own);
  if (isLoop || passed.length > viaMaxRungs || stamps.length >= viaMaxRungs) {
    throw new FaultError({ kind: "loop", via: passed, max: viaMaxRungs });
  }
  return { via: passed, stamps: [...stamps, own] };
}
