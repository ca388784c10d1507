import {
  bodyMaxBytes,
  originStateSchema,
  trainingOrderSchema,
  trainingReplySchema,
  trainingsSchema,
  viaMaxRungs,
} from "#core/contract/index.ts";
import { readBytes } from "#core/http/body.ts";
import { FaultError } from "#core/http/fault.ts";
import { viaHeader } from "#core/rung/via.ts";
import { type Call, modelOf, type Route } from "../call.ts";
import { bytes, json, preferWait } from "../contract.ts";

/**
 * Relays a request about trainings to the next rung, with this node's token. Callers need the address of the edge
 * only.
 */
async function relay(call: Call): Promise<Response> {
  const { request, env, node } = call;
  if (env.NEXT_RUNG_URL === "") {
    const next = "Set NEXT_RUNG_URL to an origin, or train on this machine: npx upriver train <recipe> --publish.";
    throw new FaultError({ kind: "not-found", what: "origin above this node", next });
  }
  const passed = [...(request.headers.get(viaHeader)?.split(",") ?? []), node.id];
  if (passed.indexOf(node.id) < passed.length - 1 || passed.length > viaMaxRungs) {
    throw new FaultError({ kind: "loop", via: passed, max: viaMaxRungs });
  }
  const headers = new Headers({ authorization: `Bearer ${env.NEXT_RUNG_TOKEN}`, [viaHeader]: passed.join(",") });
  for (const name of ["accept", "content-type", "prefer"]) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const { pathname, search } = new URL(request.url);
  const body = request.method === "POST" ? await readBytes(request, bodyMaxBytes) : null;
  try {
    const response = await fetch(`${env.NEXT_RUNG_URL}${pathname}${search}`, { method: request.method, headers, body });
    // The copy can get headers of this node.
    return new Response(response.body, response);
  } catch (cause) {
    const reason = "The origin does not respond.";
    throw new FaultError(
      { kind: "unavailable", reason, next: "Check that the origin runs, then send the request again." },
      { cause },
    );
  }
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
