import {
  bodyMaxBytes,
  type OriginState,
  originStateSchema,
  trainingOrderSchema,
  trainingReplySchema,
  trainingsSchema,
} from "#core/contract/index.ts";
import { readBytes } from "#core/http/body.ts";
import { FaultError } from "#core/http/fault.ts";
import { isRedirect } from "#core/http/redirect.ts";
import { stampHeaders } from "#core/rung/stamp.ts";
import { viaHeader, writeVia } from "#core/rung/via.ts";
import { isUnlimited, mayUseModel } from "#core/tokens.ts";
import { type Call, jsonResponse, modelOf, type Route } from "../call.ts";

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
  const body = request.method === "POST" ? await readBytes(request, bodyMaxBytes) : null;
  try {
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
