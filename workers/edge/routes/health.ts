import { healthSchema } from "#core/contract/index.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { uplinkObject } from "#objects/stubs.ts";
import { type Call, jsonResponse, type Route } from "../call.ts";
import { json } from "../contract.ts";

function healthy({ node }: Call): Response {
  return jsonResponse({ status: "ok", node: node.id });
}

/** Reports readiness: the bucket responds. */
async function ready({ env, node }: Call): Promise<Response> {
  await env.ARTEFACTS.list({ limit: 1 });
  const uplink = await uplinkObject(env)?.state();
  return jsonResponse({
    status: "ready",
    node: node.id,
    engine: servingEngine.name,
    ...(uplink ? { uplink: uplink.state } : {}),
  });
}

export const healthRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/healthz",
    scope: "public",
    operation: "read the health",
    contract: { replies: { 200: json(healthSchema) } },
    handle: healthy,
  },
  {
    method: "GET",
    path: "/readyz",
    scope: "public",
    operation: "read the readiness",
    contract: { replies: { 200: json(healthSchema) } },
    handle: ready,
  },
];
