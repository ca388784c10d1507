import { originStateSchema, trainingOrderSchema, trainingReplySchema, trainingsSchema } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { isRedirect } from "#core/http/redirect.ts";
import { stampHeaders } from "#core/rung/stamp.ts";
import { viaHeader, writeVia } from "#core/rung/via.ts";
import { type Call, modelOf, type Route } from "../call.ts";
import { bytes, json, preferWait } from "../contract.ts";
import { passedNodes } from "../ladder/hop.ts";

/**
 * Relays a request about trainings to the next rung, with this node's token. Callers need the address of the edge
 * only.
 */
async function relay(call: Call): Promise<Response> {
  const { request, env } = call;
  if (env.NEXT_RUNG_URL === "") {
    const next = "Set NEXT_RUNG_URL to an origin, or train on this machine: npx upriver train <recipe> --publish.";
    throw new FaultError({ kind: "not-found", what: "origin above this node", next });
  }
  const passed = await passedNodes(call);
  const headers = new Headers({
    authorization: `Bearer ${env.NEXT_RUNG_TOKEN}`,
    [viaHeader]: writeVia(passed.via),
    ...stampHeaders(passed),
  });
  for (const name of ["accept", "content-type", "prefer"]) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const { pathname, search } = new URL(request.url);
  try {
    const body = request.method === "POST" ? await request.arrayBuffer() : null;
    const response = await fetch(`${env.NEXT_RUNG_URL}${pathname}${search}`, {
      ...{ method: request.method, headers, body },
      // The token is for this address alone.
      redirect: "manual",
    });
    // The copy can get headers of this node.
    if (!isRedirect(response)) return new Response(response.body, response);
    await response.body?.cancel();
  } catch (cause) {
    throw unavailable(
      "The origin does not respond.",
      "Check that the origin runs, then send the request again.",
      cause,
    );
  }
  throw unavailable("The origin redirects, which is not followed.", "Set NEXT_RUNG_URL to its address.");
}

function unavailable(reason: string, next: string, cause?: unknown): FaultError {
  return new FaultError({ kind: "unavailable", reason, next }, { cause });
}

function relayForModel(call: Call): Promise<Response> {
  modelOf(call);
  return relay(call);
}

const path = "/v1/models/:model/trainings";

/** Routes about trainings, which the next rung serves. */
export const trainingRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/status",
    scope: "publish",
    operation: "read the state of the origin",
    contract: { replies: { 200: json(originStateSchema) } },
    handle: relay,
  },
  {
    method: "GET",
    path,
    scope: "publish",
    operation: "list trainings",
    contract: { replies: { 200: json(trainingsSchema) } },
    handle: relayForModel,
  },
  {
    method: "POST",
    path,
    scope: "publish",
    operation: "start a training",
    contract: { body: json(trainingOrderSchema), replies: { 202: json(trainingReplySchema) } },
    handle: relayForModel,
  },
  {
    method: "GET",
    path: `${path}/:id`,
    scope: "publish",
    operation: "read a training",
    contract: {
      headers: preferWait,
      replies: { 200: { ...json(trainingReplySchema), ...bytes("text/event-stream") } },
    },
    handle: relayForModel,
  },
  {
    method: "GET",
    path: `${path}/:id/report`,
    scope: "publish",
    operation: "read the report of a training",
    contract: { replies: { 200: bytes("text/html") } },
    handle: relayForModel,
  },
  {
    method: "POST",
    path: `${path}/:id/cancel`,
    scope: "publish",
    operation: "cancel a training",
    contract: { replies: { 200: json(trainingReplySchema) } },
    handle: relayForModel,
  },
  {
    method: "POST",
    path: `${path}/:id/restart`,
    scope: "publish",
    operation: "restart a training",
    contract: { replies: { 202: json(trainingReplySchema) } },
    handle: relayForModel,
  },
];
