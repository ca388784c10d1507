import { blobKey, blobsOf, checkBlob } from "#core/artefacts.ts";
import { type Finding, type Manifest, type ModelPointer, modelPointerSchema } from "#core/contract/index.ts";
import { copyKey, decodeCopy } from "#core/registry-copy.ts";
import { registryObject } from "#objects/stubs.ts";
import { signedManifest } from "../artefacts/models.ts";
import type { Call } from "../call.ts";
import { faulty, looked, sound } from "./finding.ts";
import { checkRegions } from "./regions.ts";

/** The findings of a model, and the manifests of its served versions. */
export interface CheckedModel {
  findings: Finding[];
  manifests: Manifest[];
}

/** Checks a model's served versions (present, complete, signed), its pointer in KV, and its regions. */
export async function checkModel(call: Call, model: string): Promise<CheckedModel> {
  const registry = registryObject(call.env, model);
  const pointer = await registry.pointer();
  const { versions } = await registry.list();
  const [latest] = versions;
  if (!latest) {
    const found = "its registry has no version, but R2 has: it lost its state";
    return {
      findings: [faulty(`${model}: registry`, found, `Restore it: npx upriver restore ${model}.`)],
      manifests: [],
    };
  }
  const copy = await checkCopy(call, pointer, latest.version);
  const served = [pointer.stable, pointer.canary?.version].filter((version) => version != null) as number[];
  if (served.length === 0) {
    const found = sound(`${model}: versions`, "published, but not rolled out yet");
    return { findings: [found, copy], manifests: [] };
  }
  const manifests: Manifest[] = [];
  const findings: Finding[] = [];
  for (const version of served) {
    findings.push(
      await looked(`${model}: version ${version}`, versionRemedy(model), async () => {
        const manifest = await signedManifest(call, model, version);
        manifests.push(manifest);
        return `signed by '${manifest.signature?.keyId}'`;
      }),
    );
  }
  for (const manifest of manifests) findings.push(await checkBlobs(call, manifest));
  findings.push(await checkPointer(call, pointer), copy);
  findings.push(...(await checkRegions(call, pointer, manifests[0])));
  return { findings, manifests };
}

function versionRemedy(model: string): string {
  return `Pin the key that signed it in PUBLISH_KEYS, publish the version again, or roll back: npx upriver rollback ${model}.`;
}

function checkBlobs({ env }: Call, manifest: Manifest): Promise<Finding> {
  const { model, version } = manifest;
  const remedy = `Publish the same artefact again, which stores its blobs again, or roll back: npx upriver rollback ${model}.`;
  return looked(`${model}: blobs of ${version}`, remedy, async () => {
    const blobs = blobsOf(manifest);
    for (const blob of blobs) {
      const object = await env.ARTEFACTS.get(blobKey(blob.sha256));
      await checkBlob(blob, object && (await object.arrayBuffer()));
    }
    return `${blobs.length}, all match their hashes`;
  });
}

async function checkPointer({ env }: Call, { model, revision, stable }: ModelPointer): Promise<Finding> {
  const check = `${model}: pointer`;
  const near = modelPointerSchema.safeParse(
    await env.CACHE.get(`current/${model}`, { type: "json" }).catch(() => null),
  );
  if (near.success && near.data.revision === revision)
    return sound(check, `KV and the registry have revision ${revision}`);
  if (near.success && near.data.revision > revision) {
    const found = `KV has revision ${near.data.revision}, the registry ${revision}: the registry lost what it did last`;
    return faulty(check, found, `Restore it: npx upriver restore ${model}.`);
  }
  const found = near.success
    ? `KV has revision ${near.data.revision}, the registry ${revision}`
    : "KV has no readable pointer";
  const remedy = `The registry writes it within seconds of a rollout, and compares every hour. If this persists: npx upriver rollout ${model} ${stable}.`;
  return faulty(check, found, remedy);
}

/** How long a copy may lack the latest change: a large one is written once in some minutes. */
const copyLateMs = 10 * 60_000;

async function checkCopy({ env }: Call, { model, revision }: ModelPointer, latest: number): Promise<Finding> {
  const check = `${model}: registry`;
  const remedy = `The registry writes it after each change, and every hour. If this persists, look for 'copy' under 'job-failed' in the log.`;
  return looked(check, remedy, async () => {
    const object = await env.ARTEFACTS.get(copyKey(model));
    const copy = await decodeCopy(model, object && (await object.text()));
    if (typeof copy === "string") throw new Error(`its copy in R2 can't be used: ${copy}`);
    const { header } = copy;
    if (header.latest > latest || header.revision > revision) {
      throw new Error(
        `it is behind its copy in R2 (revision ${revision}, ${header.revision}): npx upriver restore ${model}`,
      );
    }
    const isLate = header.revision < revision && Date.now() - header.at > copyLateMs;
    if (isLate) throw new Error(`its copy in R2 has revision ${header.revision}, the registry ${revision}`);
    return `copied to R2 at revision ${header.revision}`;
  });
}
