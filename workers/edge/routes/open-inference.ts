import { registryObject } from "#objects/stubs.ts";
import { networkOf, tensorModelOf } from "../artefacts/models.ts";
import { type Call, jsonResponse, type Route } from "../call.ts";
import { bytes, json, type ParameterMap } from "../contract.ts";
import { askTensors, namedOf } from "../protocols/ask-tensors.ts";
import { modelMetadata, serverMetadata } from "../protocols/open-inference/metadata.ts";
import { candidatesOf, readInferRequest } from "../protocols/open-inference/request.ts";
import { inferResponse, requestedOf } from "../protocols/open-inference/response.ts";
import {
  inferRequestSchema,
  inferResponseSchema,
  liveSchema,
  modelMetadataSchema,
  modelReadySchema,
  serverMetadataSchema,
} from "../protocols/open-inference/schema.ts";
import { refuse } from "../protocols/refuse.ts";

function live(): Response {
  return jsonResponse({ live: true });
}

/** Reports readiness: the bucket responds. */
async function ready({ env }: Call): Promise<Response> {
  await env.ARTEFACTS.list({ limit: 1 });
  return jsonResponse({ live: true, ready: true });
}

async function modelReady(call: Call): Promise<Response> {
  const { model, manifest } = await namedOf(call);
  await (manifest.task === "tensor" ? tensorModelOf(call, model, manifest.version) : networkOf(call, manifest));
  return jsonResponse({ name: model, ready: true });
}

async function describeModel(call: Call): Promise<Response> {
  const named = await namedOf(call);
  const { versions } = await registryObject(call.env, named.model).list();
  const numbers = versions.map(({ version }) => version);
  return jsonResponse(modelMetadata(named, numbers));
}

async function infer(call: Call): Promise<Response> {
  const { infer, tensors } = await readInferRequest(call.request);
  const named = await namedOf(call);
  const requested = requestedOf(infer, named.signature.outputs);
  const { escalate, region } = infer.parameters ?? {};
  const candidates = candidatesOf(infer);
  const options = {
    escalate: escalate ?? false,
    region: region ?? undefined,
    candidates,
    needed: requested.map(({ name }) => name),
  };
  const answered = await askTensors(call, named, tensors, options);
  return inferResponse(named, infer, requested, answered, candidates);
}

const binaryLength: ParameterMap = {
  "inference-header-content-length": {
    description: "Length in bytes of the JSON before the binary tensors",
    type: "integer",
  },
};

const ofModel = ["/v2/models/:model", "/v2/models/:model/versions/:version"];

/** Routes of the Open Inference Protocol 2, with the extensions binary_tensor_data, classification and parameters. */
export const openInferenceRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v2",
    scope: "ask",
    operation: "describe the server",
    contract: { replies: { 200: json(serverMetadataSchema) } },
    refuse,
    handle: () => jsonResponse(serverMetadata),
  },
  {
    method: "GET",
    path: "/v2/health/live",
    scope: "public",
    operation: "read the health",
    contract: { replies: { 200: json(liveSchema) } },
    refuse,
    handle: live,
  },
  {
    method: "GET",
    path: "/v2/health/ready",
    scope: "public",
    operation: "read the readiness",
    contract: { replies: { 200: json(liveSchema) } },
    refuse,
    handle: ready,
  },
  ...ofModel.flatMap((path): Route[] => [
    {
      method: "GET",
      path,
      scope: "ask",
      operation: "describe a model",
      contract: { replies: { 200: json(modelMetadataSchema) } },
      refuse,
      handle: describeModel,
    },
    {
      method: "GET",
      path: `${path}/ready`,
      scope: "ask",
      operation: "read the readiness of a model",
      contract: { replies: { 200: json(modelReadySchema) } },
      refuse,
      handle: modelReady,
    },
    {
      method: "POST",
      path: `${path}/infer`,
      scope: "ask",
      audit: "never",
      operation: "infer",
      contract: {
        headers: binaryLength,
        body: { ...json(inferRequestSchema), ...bytes() },
        replies: { 200: { ...json(inferResponseSchema), ...bytes() } },
      },
      refuse,
      handle: infer,
    },
  ]),
];
