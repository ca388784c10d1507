import {
  manifestSchema,
  modelStateSchema,
  modelsSchema,
  sha256Schema,
  versionListSchema,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { mayUseModel } from "#core/tokens.ts";
import { registryObject } from "#objects/stubs.ts";
import { readBlob } from "../artefacts/blobs.ts";
import { manifestOf, modelNames } from "../artefacts/models.ts";
import { modelPointer } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, modelOf, type Route, requireScope } from "../call.ts";
import { bytes, json } from "../contract.ts";
import { numberedManifest, servedPointer } from "../ladder/version.ts";

async function listModels(call: Call): Promise<Response> {
  const names = await modelNames(call.env);
  const mine = names.filter((name) => call.token === null || mayUseModel(call.token, name));
  const models = await Promise.all(
    mine.map(async (model) => {
      const { versions } = await registryObject(call.env, model).list();
      const { stable, canary } = await modelPointer(call, model);
      return { model, stable, canary, versions: versions.map(({ version }) => version) };
    }),
  );
  return jsonResponse({ models });
}

async function getModel(call: Call): Promise<Response> {
  const model = modelOf(call);
  const pointer = await servedPointer(call, model);
  const manifest = await manifestOf(call, model, pointer.stable as number);
  const { task, examples } = manifest;
  if (task === "tensor") {
    const { inputs, outputs } = manifest.network;
    return jsonResponse({ model, task, pointer, inputs, outputs, examples });
  }
  const { labels, number, policy, metrics } = manifest;
  return jsonResponse({ model, task, pointer, labels, ...(number ? { number } : {}), policy, examples, metrics });
}

async function getVersions(call: Call): Promise<Response> {
  const model = modelOf(call);
  await modelPointer(call, model);
  return jsonResponse(await registryObject(call.env, model).list());
}

async function getManifest(call: Call): Promise<Response> {
  const model = modelOf(call);
  const asked = call.query("version");
  const number = asked ?? String((await servedPointer(call, model)).stable);
  return jsonResponse(await numberedManifest(call, model, number));
}

async function getBlob(call: Call): Promise<Response> {
  const sha256 = blobHashOf(call);
  const object = await call.env.ARTEFACTS.head(`blobs/${sha256}`);
  if (!object) throw unknownBlob(sha256);
  // A blob that reveals training data needs the scope that may train on it.
  if (object.customMetadata?.scope === "publish") requireScope(call, "publish");
  const bytes = await readBlob(call, { sha256, bytes: object.size });
  return new Response(bytes, {
    headers: {
      "content-type": "application/octet-stream",
      "cache-control": "public, max-age=31536000, immutable",
      etag: `"${sha256}"`,
    },
  });
}

/** Reads the hash in a blob's path. */
export function blobHashOf(call: Call): string {
  const parsed = sha256Schema.safeParse(call.params.sha256);
  if (parsed.success) return parsed.data;
  throw unknownBlob(call.params.sha256 as string);
}

function unknownBlob(sha256: string): FaultError {
  return new FaultError({
    kind: "not-found",
    what: `blob '${sha256}'`,
    next: "GET /v1/models/{model}/manifest lists a model's blobs. PUT /v1/blobs/{sha256} stores one.",
  });
}

export const modelRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models",
    scope: "ask",
    operation: "list models",
    contract: { replies: { 200: json(modelsSchema) } },
    handle: listModels,
  },
  {
    method: "GET",
    path: "/v1/models/:model",
    scope: "ask",
    operation: "read a model",
    contract: { replies: { 200: json(modelStateSchema) } },
    handle: getModel,
  },
  {
    method: "GET",
    path: "/v1/models/:model/versions",
    scope: "ask",
    operation: "list versions",
    contract: { replies: { 200: json(versionListSchema) } },
    handle: getVersions,
  },
  {
    method: "GET",
    path: "/v1/models/:model/manifest",
    scope: "ask",
    operation: "read a manifest",
    contract: {
      query: { version: { description: "The version; the stable one by default", type: "integer" } },
      replies: { 200: json(manifestSchema) },
    },
    handle: getManifest,
  },
  {
    method: "GET",
    path: "/v1/blobs/:sha256",
    scope: "ask",
    operation: "read a blob",
    contract: { replies: { 200: bytes() } },
    handle: getBlob,
  },
];
