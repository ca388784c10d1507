import { blobsOf, learningBlobsOf } from "#core/artefacts.ts";
import type { BlobRef, Manifest, ModelPointer } from "#core/contract/index.ts";
import { hasScope, isUnlimited, mayUseModel } from "#core/tokens.ts";
import { registryObject } from "#objects/stubs.ts";
import { modelNames, signedManifest } from "../artefacts/models.ts";
import { headPointer } from "../artefacts/pointers.ts";
import { type Call, ownRegions } from "../call.ts";
import { baseFor } from "../ladder/version.ts";

/**
 * Tells whether a call's token may read a blob. A token that is limited reads those of its models: what a version's manifest
 * names, and the heads that serve its regions.
 */
export async function mayReadBlob(call: Call, sha256: string): Promise<boolean> {
  const { token } = call;
  if (!token || isUnlimited(token)) return true;
  const names = await modelNames(call.env);
  for (const model of names.filter((name) => mayUseModel(token, name))) {
    if ((await isInVersion(call, model, sha256, blobsOf)) || (await isServingHead(call, model, sha256))) return true;
  }
  return false;
}

/**
 * Tells whether a call's token is a rung's, and the blob is one that a rung trains and judges the heads of its regions with: the
 * anchor set or the prior of a version. Rungs may not read recipes or their sources.
 */
export async function mayTrainHeads(call: Call, sha256: string): Promise<boolean> {
  const { token } = call;
  if (!token || !hasScope(token, "rung")) return false;
  for (const model of (await modelNames(call.env)).filter((name) => mayUseModel(token, name))) {
    if (await isInVersion(call, model, sha256, learningBlobsOf)) return true;
  }
  return false;
}

// The newest version first: most readers want what serves.
async function isInVersion(
  call: Call,
  model: string,
  sha256: string,
  blobsIn: (manifest: Manifest) => BlobRef[],
): Promise<boolean> {
  const { versions } = await registryObject(call.env, model).list();
  for (const { version } of versions.toSorted((a, b) => b.version - a.version)) {
    const manifest = await signedManifest(call, model, version).catch(() => null);
    if (manifest && blobsIn(manifest).some((blob) => blob.sha256 === sha256)) return true;
  }
  return false;
}

async function isServingHead(call: Call, model: string, sha256: string): Promise<boolean> {
  const registry = registryObject(call.env, model);
  const [pointer, known] = [await registry.pointer(), await registry.regions()];
  for (const region of ownRegions(call, known)) {
    for (const base of basesOf(pointer, region)) {
      const { head } = await headPointer(call, model, base, region);
      if (head?.head.blob.sha256 === sha256) return true;
    }
  }
  return false;
}

function basesOf(pointer: ModelPointer, region: string): number[] {
  if (pointer.stable === null) return [];
  return [baseFor(pointer, region), ...(pointer.canary ? [pointer.canary.version] : [])];
}
