import {
  manifestSchema,
  modelStateSchema,
  modelsSchema,
  sha256Schema,
  versionListSchema,
} from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { mayUseModel } from "#core/tokens.ts";
import { registryObject } from "#objects/stubs.ts";
import { mayReadBlob, mayTrainHeads } from "../access/blobs.ts";
import { readBlob, readStoredBlob } from "../artefacts/blobs.ts";
import { manifestOf, modelNames, signedManifest } from "../artefacts/models.ts";
import { modelPointer } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, modelOf, ownPointer, ownRegions, type Route, requireScope } from "../call.ts";
import { bytes, json } from "../contract.ts";
import { numberedManifest, servedPointer } from "../ladder/version.ts";

async function listModels(call: Call): Promise<Response> {
  const names = await modelNames(call.env);
  const mine = names.filter((name) => call.token === null || mayUseModel(call.token, name));
  const models = await Promise.all(
    mine.map(async (model) => {
      // A node below waits for the newest pointer, which KV gets later.
      const { versions, pointer } = await registryObject(call.env, model).list();
      const { stable, canary, previous, revision } = pointer ?? (await modelPointer(call, model));
      return { model, stable, canary, previous, revision, versions: versions.map(({ version }) => version) };
    }),
  );
  const headers = { etag: `"${await sha256Hex(JSON.stringify(models))}"`, "cache-control": "private, no-cache" };
  if (hasSameTag(call.request.headers.get("if-none-match"), headers.etag)) {
    return new Response(null, { status: 304, headers });
  }
  return jsonResponse({ models }, 200, headers);
}

async function getModel(call: Call): Promise<Response> {
  const model = modelOf(call);
  const pointer = await servedPointer(call, model);
  const manifest = await manifestOf(call, model, pointer.stable as number);
  const { task, examples } = manifest;
  const shown = ownPointer(call, pointer);
  if (task === "tensor") {
    const { inputs, outputs } = manifest.network;
    return jsonResponse({ model, task, pointer: shown, inputs, outputs, examples });
  }
  const { labels, number, policy, metrics } = manifest;
  const numbers = number ? { number } : {};
  return jsonResponse({ model, task, pointer: shown, labels, ...numbers, policy, examples, metrics });
}

async function getVersions(call: Call): Promise<Response> {
  const model = modelOf(call);
  await modelPointer(call, model);
  const { versions, history } = await registryObject(call.env, model).list();
  return jsonResponse({
    versions: versions.map((row) => ({ ...row, preparing: ownRegions(call, row.preparing) })),
    history: history.filter(({ region }) => region === null || ownRegions(call, [region]).length > 0),
  });
}

async function getManifest(call: Call): Promise<Response> {
  const model = modelOf(call);
  const asked = call.query("version");
  const number = asked ?? String((await servedPointer(call, model)).stable);
  return jsonResponse(await numberedManifest(call, model, number, signedManifest));
}

async function getBlob(call: Call): Promise<Response> {
  const sha256 = blobHashOf(call);
  const object = await call.env.ARTEFACTS.head(`blobs/${sha256}`);
  if (!object) throw unknownBlob(sha256);
  if (!(await mayReadBlob(call, sha256))) throw unknownBlob(sha256);
  // A blob that reveals training data needs the scope that may train on it. A rung below trains the heads of its regions.
  if (object.customMetadata?.scope === "publish" && !(await mayTrainHeads(call, sha256))) requireScope(call, "publish");
  const isPrivate = object.customMetadata?.scope === "publish";
  const headers = {
    "cache-control": `${isPrivate ? "private" : "public"}, max-age=31536000, immutable`,
    etag: `"${sha256}"`,
  };
  if (hasSameTag(call.request.headers.get("if-none-match"), headers.etag)) {
    return new Response(null, { status: 304, headers });
  }
  const blob = { sha256, bytes: object.size };
  // It may hold rows of people: KV, which has no jurisdictions, gets none of it.
  const bytes = isPrivate ? await readStoredBlob(call.env, blob) : await readBlob(call, blob);
  return new Response(bytes, { headers: { "content-type": "application/octet-stream", ...headers } });
}

/** Whether `If-None-Match` names the tag; weak tags are compared by their value. */
function hasSameTag(header: string | null, tag: string): boolean {
  if (header === null) return false;
  return header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === tag);
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
    contract: {
      headers: {
        "if-none-match": { description: "The tag of a list that is known: then the reply is 304", type: "string" },
      },
      replies: { 200: json(modelsSchema), 304: {} },
    },
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
    contract: {
      headers: {
        "if-none-match": { description: "The tag of a blob that is known: then the reply is 304", type: "string" },
      },
      replies: { 200: bytes(), 304: {} },
    },
    handle: getBlob,
  },
];
