import { ArtefactError, blobKey, blobsOf, checkBlob, manifestKey, privateBlobsOf } from "#core/artefacts.ts";
import { plannedShareOf } from "#core/confidence/canary.ts";
import {
  blobShardMaxBytes,
  bodyMaxBytes,
  type CanaryPlan,
  type ClassifyManifest,
  canaryDefaults,
  type Manifest,
  type ModelPointer,
  manifestSchema,
  publishedSchema,
  rollbackSchema,
  rolledSchema,
  rolloutSchema,
  storedBlobSchema,
  watchSchema,
} from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { readBytes } from "#core/http/body.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { checkShapes } from "#core/model/tensor-model.ts";
import type { Result } from "#core/result.ts";
import { signatureFault } from "#core/sign.ts";
import { isUnlimited } from "#core/tokens.ts";
import type { RegistryRefusal } from "#objects/registry/api.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { classifierOf, manifestOf, networkOf, signedManifest, tensorModelOf } from "../artefacts/models.ts";
import { learnHead, learnPointer, modelPointer } from "../artefacts/pointers.ts";
import { readStorage } from "../artefacts/storage.ts";
import { type Call, jsonResponse, modelOf, type Route, requireAllRegions, requireRegion } from "../call.ts";
import { bytes, json } from "../contract.ts";
import { baseFor, servedPointer } from "../ladder/version.ts";
import { blobHashOf } from "./models.ts";
import { refused } from "./refused.ts";

async function putBlob(call: Call): Promise<Response> {
  const sha256 = blobHashOf(call);
  const bytes = await readBytes(call.request, blobShardMaxBytes);
  const actual = await sha256Hex(bytes);
  if (actual !== sha256) {
    const error = { path: "body", expected: `bytes that hash to ${sha256}`, received: `bytes that hash to ${actual}` };
    throw new FaultError({ kind: "invalid", errors: [error] });
  }
  const stored = await call.env.ARTEFACTS.head(blobKey(sha256));
  // Another model may have the same blob: a token that is limited does not change who may read it.
  const isFixed = stored !== null && call.token !== null && !isUnlimited(call.token);
  const scope = isFixed ? stored.customMetadata?.scope : call.query("scope");
  // Written even when it exists: this repairs a corrupt blob.
  const customMetadata = { scope: scope === "publish" ? "publish" : "ask" };
  await call.env.ARTEFACTS.put(blobKey(sha256), bytes, { customMetadata });
  return jsonResponse({ sha256, bytes: bytes.byteLength }, stored ? 200 : 201);
}

async function putVersion(call: Call): Promise<Response> {
  const model = modelOf(call);
  const manifest = await readJson(call.request, manifestSchema, bodyMaxBytes);
  const faults = [
    ...(manifest.model === model ? [] : [fault("model", `'${model}', as in the path`, `'${manifest.model}'`)]),
    ...(String(manifest.version) === call.params.version
      ? []
      : [fault("version", `${call.params.version}, as in the path`, `${manifest.version}`)]),
  ];
  const unsigned = await signatureFault(manifest, call.node.publishKeys);
  if (unsigned) faults.push(fault("signature", "an Ed25519 signature by a key of PUBLISH_KEYS", unsigned));
  if (manifest.version > 1) {
    const task = await taskOf(call, model, manifest.version - 1);
    if (task !== null && task !== manifest.task)
      faults.push(fault("task", `'${task}', as in the versions before`, `'${manifest.task}'`));
  }
  const privateBlobs = new Set(privateBlobsOf(manifest).map(({ sha256 }) => sha256));
  for (const { sha256 } of blobsOf(manifest)) {
    const object = await call.env.ARTEFACTS.head(blobKey(sha256));
    const scope = object ? (object.customMetadata?.scope ?? "ask") : undefined;
    const query = privateBlobs.has(sha256) ? "?scope=publish" : "";
    if (scope !== undefined && (query === "" || scope === "publish")) continue;
    const received = scope === undefined ? "nothing" : `a blob for scope '${scope}'`;
    faults.push(fault("blobs", `blob ${sha256} to be there: PUT /v1/blobs/{sha256}${query} first`, received));
  }
  if (faults.length > 0) throw new FaultError({ kind: "invalid", errors: faults });
  const result = await registryObject(call.env, model).publish(manifest);
  if (!result.ok) throw refused(result.error);
  call.node.names = null;
  return jsonResponse({ model, ...result.value }, 201);
}

/** Reads the task of a version; null only where there is no such version. */
async function taskOf(call: Call, model: string, version: number): Promise<Manifest["task"] | null> {
  const key = manifestKey(model, version);
  const isKnown = await readStorage(key, () => call.env.ARTEFACTS.head(key));
  return isKnown && (await manifestOf(call, model, version)).task;
}

async function postRollout(call: Call): Promise<Response> {
  const model = modelOf(call);
  const { version, share, watch } = await readJson(call.request, rolloutSchema, bodyMaxBytes);
  call.noted.target = `version ${version}${share === undefined ? "" : `, share ${share}`}`;
  const { stable } = await modelPointer(call, model);
  const known = (await registryObject(call.env, model).list()).versions.some((row) => row.version === version);
  // Load the version before any caller is routed to it, so that a broken blob is refused here.
  if (known) await checkLoads(call, model, version);
  const registry = registryObject(call.env, model);
  if (!watch || share === undefined || stable === null || !known) {
    return pointerResponse(call, await registry.rollout(version, share ?? null));
  }
  const { margin, deadlineHours } = watchSchema.parse(watch === true ? {} : watch);
  const versions = [await classifierOf(call, model, stable), await classifierOf(call, model, version)];
  const { delta } = canaryDefaults;
  const plan: CanaryPlan = { margin, coverageMargin: coverageMarginOf(versions), delta };
  const deadlineMs = Math.round(deadlineHours * 3600_000);
  return pointerResponse(call, await registry.rolloutWatched({ version, share, plan, deadlineMs }));
}

/** Returns the margin of a canary's coverage; null where every truth comes. Throws where no label is planned. */
function coverageMarginOf(versions: readonly ClassifyManifest[]): number | null {
  const policies = versions.map(({ policy }) => policy);
  if (policies.every(({ truth, keep }) => truth === "complete" && keep === "all")) return null;
  if (policies.every((policy) => policy.keep !== "none" && plannedShareOf(policy) > 0)) {
    return canaryDefaults.coverageMargin;
  }
  const expected =
    "policies that keep accepted questions and audit them, or keep all and get every truth: else nothing judges a canary";
  throw new FaultError({ kind: "invalid", errors: [fault("watch", expected, "keep 'none', or auditShare 0")] });
}

async function checkLoads(call: Call, model: string, version: number): Promise<void> {
  for (const blob of blobsOf(await signedManifest(call, model, version))) {
    const object = await call.env.ARTEFACTS.get(blobKey(blob.sha256));
    await checkBlob(blob, object && (await object.arrayBuffer()));
  }
  const manifest = await manifestOf(call, model, version);
  if (manifest.task !== "tensor") await networkOf(call, manifest);
  else {
    const loaded = await tensorModelOf(call, model, version);
    try {
      checkShapes(loaded.model);
    } catch (error) {
      throw new ArtefactError(manifestKey(model, version), (error as Error).message);
    }
  }
}

async function postRollback(call: Call): Promise<Response> {
  const model = modelOf(call);
  const { region, head: number } = await readJson(call.request, rollbackSchema, bodyMaxBytes);
  call.noted.region = region ?? null;
  if (number !== undefined) call.noted.target = number === null ? "the global head" : `head ${number}`;
  if (region === undefined) {
    requireAllRegions(call);
    await modelPointer(call, model);
    const registry = registryObject(call.env, model);
    const { canary, previous } = await registry.pointer();
    // A broken version is refused, as in a rollout. The end of a canary needs no check.
    if (!canary && previous !== null) await checkLoads(call, model, previous);
    return pointerResponse(call, await registry.rollback());
  }
  requireRegion(call, region);
  const pointer = await servedPointer(call, model);
  const base = baseFor(pointer, region);
  const result = await registryObject(call.env, model).rollbackHead(base, region, number);
  if (!result.ok) throw refused(result.error);
  const head = result.value;
  await regionObject(call.env, model, region).setHead(base, head);
  learnHead(call, model, base, region, head);
  return jsonResponse({ region, head: head.head?.number ?? null });
}

function pointerResponse(call: Call, result: Result<ModelPointer, RegistryRefusal>): Response {
  if (!result.ok) throw refused(result.error);
  learnPointer(call, result.value);
  return jsonResponse({ pointer: result.value });
}

function fault(path: string, expected: string, received: string) {
  return { path, expected, received };
}

export const publishRoutes: readonly Route[] = [
  {
    method: "PUT",
    path: "/v1/blobs/:sha256",
    scope: "publish",
    audit: "always",
    operation: "store a blob",
    contract: {
      query: { scope: { description: "The scope that may read the blob", type: "string", values: ["ask", "publish"] } },
      body: bytes(),
      replies: { 200: json(storedBlobSchema), 201: json(storedBlobSchema) },
    },
    handle: putBlob,
  },
  {
    method: "PUT",
    path: "/v1/models/:model/versions/:version",
    scope: "publish",
    reach: "all-regions",
    audit: "always",
    operation: "publish a version",
    contract: { body: json(manifestSchema), replies: { 201: json(publishedSchema) } },
    handle: putVersion,
  },
  {
    method: "POST",
    path: "/v1/models/:model/rollout",
    scope: "publish",
    reach: "all-regions",
    audit: "always",
    operation: "roll out",
    contract: {
      body: json(rolloutSchema),
      example: { version: 2, share: 0.1, watch: true },
      replies: { 200: json(rolledSchema) },
    },
    handle: postRollout,
  },
  {
    method: "POST",
    path: "/v1/models/:model/rollback",
    scope: "publish",
    audit: "always",
    operation: "roll back",
    contract: { body: json(rollbackSchema), example: {}, replies: { 200: json(rolledSchema) } },
    handle: postRollback,
  },
];
