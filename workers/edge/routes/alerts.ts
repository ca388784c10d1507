import { allowsLocalWebhooks, webhookFault } from "#core/alerts.ts";
import {
  addedWebhookSchema,
  alertsSchema,
  bodyMaxBytes,
  removedWebhookSchema,
  sentTestSchema,
  webhookOrderSchema,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { registryObject } from "#objects/stubs.ts";
import { modelPointer } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, modelOf, ownerOf, type Route } from "../call.ts";
import { json } from "../contract.ts";
import { refused } from "./refused.ts";

async function listAlerts(call: Call): Promise<Response> {
  return jsonResponse(await (await registryOf(call)).alerts());
}

async function addWebhook(call: Call): Promise<Response> {
  const order = await readJson(call.request, webhookOrderSchema, bodyMaxBytes);
  const expected = webhookFault(order.url, allowsLocalWebhooks(call.env));
  if (expected) throw new FaultError({ kind: "invalid", errors: [{ path: "url", expected, received: "another one" }] });
  call.noted.target = new URL(order.url).origin;
  const added = await (await registryOf(call)).addWebhook(order, ownerOf(call));
  if (!added.ok) throw refused(added.error);
  return jsonResponse(added.value, 201);
}

async function removeWebhook(call: Call): Promise<Response> {
  const id = idOf(call);
  if (!(await (await registryOf(call)).removeWebhook(id))) throw unknownWebhook(id);
  return jsonResponse({ id, removed: true });
}

async function testWebhook(call: Call): Promise<Response> {
  const id = idOf(call);
  const alert = await (await registryOf(call)).testWebhook(id);
  if (alert === null) throw unknownWebhook(id);
  return jsonResponse({ alert }, 202);
}

/** Returns the registry of the path's model. Throws where the model is not published: each name would create an object. */
async function registryOf(call: Call) {
  const model = modelOf(call);
  await modelPointer(call, model);
  return registryObject(call.env, model);
}

function idOf(call: Call): string {
  const id = call.params.webhook as string;
  call.noted.target = id.slice(0, 64);
  return id;
}

function unknownWebhook(id: string): FaultError {
  const next = "GET /v1/models/{model}/alerts lists the webhooks.";
  return new FaultError({ kind: "not-found", what: `webhook '${id.slice(0, 64)}'`, next });
}

const path = "/v1/models/:model/webhooks";
const shared = { scope: "admin", reach: "all-regions", audit: "always" } as const;

export const alertRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models/:model/alerts",
    scope: "admin",
    reach: "all-regions",
    operation: "list alerts and webhooks",
    contract: { replies: { 200: json(alertsSchema) } },
    handle: listAlerts,
  },
  {
    method: "POST",
    path,
    ...shared,
    operation: "add a webhook",
    contract: {
      body: json(webhookOrderSchema),
      example: { url: "https://example.com/alerts", form: "json", kinds: ["certificate-void", "drift"] },
      replies: { 201: json(addedWebhookSchema) },
    },
    handle: addWebhook,
  },
  {
    method: "DELETE",
    path: `${path}/:webhook`,
    ...shared,
    operation: "remove a webhook",
    contract: { replies: { 200: json(removedWebhookSchema) } },
    handle: removeWebhook,
  },
  {
    method: "POST",
    path: `${path}/:webhook/test`,
    ...shared,
    operation: "test a webhook",
    contract: { replies: { 202: json(sentTestSchema) } },
    handle: testWebhook,
  },
];
