import {
  bodyMaxBytes,
  type OriginState,
  originStateSchema,
  trainingOrderSchema,
  trainingReplySchema,
  trainingsSchema,
  viaMaxRungs,
} from "#core/contract/index.ts";
import { readBytes } from "#core/http/body.ts";
import { FaultError } from "#core/http/fault.ts";
import { viaHeader } from "#core/rung/via.ts";
import { isUnlimited, mayUseModel } from "#core/tokens.ts";
import { type Call, jsonResponse, modelOf, type Route } from "../call.ts";
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
  const { id } = call.params;
  // It becomes part of the path above.
  if (id !== undefined && !/^[\w-]{1,64}$/.test(id)) {
    const next = "GET /v1/models/{model}/trainings lists the trainings.";
    throw new FaultError({ kind: "not-found", what: `training '${id}'`, next });
  }
  return relay(call);
}

/** Relays the origin's state: of its models and trainings those that the token may use. */
async function relayStatus(call: Call): Promise<Response> {
  const response = await relay(call);
  const { token } = call;
  if (!response.ok || !token || isUnlimited(token)) return response;
  const state = (await response.json()) as OriginState;
  const mine = <T extends { model: string }>(all: T[]) => all.filter(({ model }) => mayUseModel(token, model));
  return jsonResponse({ ...state, models: mine(state.models), trainings: mine(state.trainings) });
}

const path = "/v1/models/:model/trainings";

/** Routes about trainings, which the next rung serves. */
export const trainingRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/status",
    scope: "publish",
    reach: "all-regions",
    operation: "read the state of the origin",
    contract: { replies: { 200: json(originStateSchema) } },
    handle: relayStatus,
  },
  {
    method: "GET",
    path,
    scope: "publish",
    reach: "all-regions",
    operation: "list trainings",
    contract: { replies: { 200: json(trainingsSchema) } },
    handle: relayForModel,
  },
  {
    method: "POST",
    path,
    scope: "publish",
    reach: "all-regions",
    audit: "always",
    operation: "start a training",
    contract: { body: json(trainingOrderSchema), replies: { 202: json(trainingReplySchema) } },
    handle: relayForModel,
  },
  {
    method: "GET",
    path: `${path}/:id`,
    scope: "publish",
    reach: "all-regions",
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
    reach: "all-regions",
    operation: "read the report of a training",
    contract: { replies: { 200: bytes("text/html") } },
    handle: relayForModel,
  },
  {
    method: "POST",
    path: `${path}/:id/cancel`,
    scope: "publish",
    reach: "all-regions",
    audit: "always",
    operation: "cancel a training",
    contract: { replies: { 200: json(trainingReplySchema) } },
    handle: relayForModel,
  },
  {
    method: "POST",
    path: `${path}/:id/restart`,
    scope: "publish",
    reach: "all-regions",
    audit: "always",
    operation: "restart a training",
    contract: { replies: { 202: json(trainingReplySchema) } },
    handle: relayForModel,
  },
];
