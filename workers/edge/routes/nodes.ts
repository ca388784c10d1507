import {
  bodyMaxBytes,
  enrolmentSchema,
  invitationSchema,
  nodeKeysSchema,
  nodeOrderSchema,
  nodeReportMaxBytes,
  nodeReportSchema,
  nodesSchema,
  type Share,
} from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { makeTokenSecret } from "#core/tokens.ts";
import { tokensObject } from "#objects/stubs.ts";
import { refresh } from "../access/issued.ts";
import { type Call, jsonResponse, type Route } from "../call.ts";
import { json } from "../contract.ts";
import { tokenFault } from "./token-fault.ts";

async function listNodes(call: Call): Promise<Response> {
  return jsonResponse({ nodes: await tokensObject(call.env).nodes() }, 200, { "cache-control": "no-store" });
}

async function inviteNode(call: Call): Promise<Response> {
  const order = await readJson(call.request, nodeOrderSchema, bodyMaxBytes);
  call.noted.target = order.id;
  const token = makeTokenSecret(order.id);
  const invited = await tokensObject(call.env).invite(order, await sha256Hex(token));
  if (!invited.ok) throw tokenFault(invited.error);
  await refresh(call);
  return jsonResponse({ token, ...order, ...invited.value }, 201);
}

async function enrolNode(call: Call): Promise<Response> {
  const id = ownNode(call);
  const invitation = call.token?.sha256 ?? "";
  const token = makeTokenSecret(id);
  const enrolled = await tokensObject(call.env).enrol(id, invitation, await sha256Hex(token));
  if (!enrolled) {
    const next = `An enrolment token is valid once, for 15 minutes. An admin makes another: npx upriver node invite ${id}`;
    throw new FaultError({ kind: "not-found", what: `invitation of node '${id}' for this token`, next });
  }
  await refresh(call);
  return jsonResponse({ token, id, ...enrolled, ...keysOf(call) }, 201);
}

async function getKeys(call: Call): Promise<Response> {
  return keysFor(call, await tokensObject(call.env).shareOf(ownNode(call)));
}

async function reportAlive(call: Call): Promise<Response> {
  const id = ownNode(call);
  const report = await readJson(call.request, nodeReportSchema, nodeReportMaxBytes);
  return keysFor(call, await tokensObject(call.env).report(id, report));
}

function keysFor(call: Call, share: Share | null): Response {
  if (share === null) throw noOwn(call);
  return jsonResponse({ share, ...keysOf(call) });
}

function keysOf({ node: { publishKeys, deploymentKeys } }: Call) {
  return { publishKeys, deploymentKeys };
}

/** Returns the node of the path. Throws unless the token is its own. */
function ownNode(call: Call): string {
  if (call.token?.id !== call.params.id) throw noOwn(call);
  return call.params.id as string;
}

function noOwn({ params }: Call): FaultError {
  const next = "Send the token of the node itself. GET /v1/nodes lists the nodes.";
  return new FaultError({ kind: "not-found", what: `node '${params.id}' that this token belongs to`, next });
}

const path = "/v1/nodes";

/** Routes of the nodes under this rung. `DELETE /v1/tokens/{id}` revokes one. */
export const nodeRoutes: readonly Route[] = [
  {
    method: "GET",
    path,
    scope: "metrics",
    reach: "deployment",
    operation: "list nodes",
    contract: { replies: { 200: json(nodesSchema) } },
    handle: listNodes,
  },
  {
    method: "POST",
    path,
    scope: "admin",
    reach: "deployment",
    audit: "always",
    operation: "invite a node",
    contract: { body: json(nodeOrderSchema), replies: { 201: json(invitationSchema) } },
    handle: inviteNode,
  },
  {
    method: "POST",
    path: `${path}/:id/enrol`,
    // An invitation has no scope.
    scope: "any",
    audit: "always",
    operation: "enrol a node",
    contract: { replies: { 201: json(enrolmentSchema) } },
    handle: enrolNode,
  },
  {
    method: "GET",
    path: `${path}/:id/keys`,
    scope: "rung",
    operation: "read the keys that a node trusts",
    contract: { replies: { 200: json(nodeKeysSchema) } },
    handle: getKeys,
  },
  {
    method: "POST",
    path: `${path}/:id/alive`,
    scope: "rung",
    audit: "never",
    operation: "report that a node is alive",
    contract: { body: json(nodeReportSchema), replies: { 200: json(nodeKeysSchema) } },
    handle: reportAlive,
  },
];
