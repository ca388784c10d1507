import { blobKey, blobsOf, checkBlob } from "#core/artefacts.ts";
import {
  type Finding,
  type HeadManifest,
  type Manifest,
  type ModelPointer,
  modelPointerSchema,
} from "#core/contract/index.ts";
import { type PublicKeys, signatureFault } from "#core/sign.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { manifestOf } from "../artefacts/models.ts";
import type { Call } from "../call.ts";
import { faulty, looked, sound } from "./finding.ts";

/** A model's findings, and the manifests of the versions that serve. */
export interface CheckedModel {
  findings: Finding[];
  manifests: Manifest[];
}

/** Whether what serves a model is there, whole, signed, and what KV says it is; and how its regions are. */
export async function checkModel(call: Call, model: string): Promise<CheckedModel> {
  const pointer = await registryObject(call.env, model).pointer();
  const served = [pointer.stable, pointer.canary?.version].filter((version) => version != null) as number[];
  if (served.length === 0) {
    const found = sound(`${model}: versions`, "published, and rolled out to nobody yet");
    return { findings: [found], manifests: [] };
  }
  const manifests: Manifest[] = [];
  const findings: Finding[] = [];
  for (const version of served) {
    findings.push(
      await looked(`${model}: version ${version}`, versionRemedy(model), async () => {
        const manifest = await manifestOf(call, model, version);
        manifests.push(manifest);
        return `signed by '${manifest.signature?.keyId}'`;
      }),
    );
  }
  for (const manifest of manifests) findings.push(await checkBlobs(call, manifest));
  findings.push(await checkPointer(call, pointer));
  findings.push(...(await checkRegions(call, pointer, manifests[0])));
  return { findings, manifests };
}

function versionRemedy(model: string): string {
  return `Pin the key that signed it in PUBLISH_KEYS; or go back: npx upriver rollback ${model}; or publish it again.`;
}

function checkBlobs({ env }: Call, manifest: Manifest): Promise<Finding> {
  const { model, version } = manifest;
  const remedy = `Publish the same artefact again, which writes its blobs anew; or npx upriver rollback ${model}.`;
  return looked(`${model}: blobs of ${version}`, remedy, async () => {
    const blobs = blobsOf(manifest);
    for (const blob of blobs) {
      const object = await env.ARTEFACTS.get(blobKey(blob.sha256));
      await checkBlob(blob, object && (await object.arrayBuffer()));
    }
    return `${blobs.length}, each as its hash says`;
  });
}

async function checkPointer({ env }: Call, { model, revision, stable }: ModelPointer): Promise<Finding> {
  const check = `${model}: pointer`;
  const near = modelPointerSchema.safeParse(
    await env.CACHE.get(`current/${model}`, { type: "json" }).catch(() => null),
  );
  if (near.success && near.data.revision === revision)
    return sound(check, `KV has revision ${revision}, as the registry`);
  const found = near.success
    ? `KV has revision ${near.data.revision}, the registry ${revision}`
    : "KV has none that can be read";
  const remedy = `The registry writes it within seconds of a move; if this stays: npx upriver rollout ${model} ${stable}.`;
  return faulty(check, found, remedy);
}

async function checkRegions(
  { env, node }: Call,
  { model, stable, heldBack }: ModelPointer,
  manifest?: Manifest,
): Promise<Finding[]> {
  if (manifest?.task !== "classify") return [];
  const registry = registryObject(env, model);
  const baseOf = (region: string) => heldBack[region] ?? (stable as number);
  const states = await Promise.all(
    (await registry.regions()).map(async (region) => ({
      ...(await regionObject(env, model, region).state(baseOf(region))),
      served: (await registry.headPointer(baseOf(region), region)).head,
    })),
  );
  return [checkHealth(model, states), await checkHeads(node.deploymentKeys, model, states)];
}

/** A region's state, and the head that the registry has its questions answered by. */
type State = Awaited<ReturnType<ReturnType<typeof regionObject>["state"]>> & { served: HeadManifest | null };

function checkHealth(model: string, states: readonly State[]): Finding {
  const check = `${model}: regions`;
  const failed = states.filter(({ lastRun }) => lastRun?.status === "failed").map(({ region }) => region);
  if (failed.length > 0) {
    const remedy = `The log has the reason under 'job-failed'; then: npx upriver retrain ${model} --region ${failed[0]}.`;
    return faulty(check, `the last retrain failed in ${failed.join(", ")}`, remedy);
  }
  const open = states.filter(({ breaker }) => breaker === "open").map(({ region }) => region);
  if (open.length > 0) {
    const found = `${open.join(", ")} have stopped asking the next rung, which failed`;
    return faulty(check, found, "Mend the next rung; they try again by themselves.");
  }
  return sound(check, `${states.length}, none in trouble`);
}

async function checkHeads(keys: PublicKeys, model: string, states: readonly State[]): Promise<Finding> {
  const check = `${model}: heads`;
  const own = states.filter(({ served }) => served !== null);
  // The edge serves the global head in place of one that it can't check, and says so in its log alone.
  const refused: string[] = [];
  for (const { region, served } of own) {
    const fault = await signatureFault(served ?? {}, keys);
    if (fault) refused.push(`${region} (${fault})`);
  }
  if (refused.length > 0) {
    const remedy = `Pin the key again in DEPLOYMENT_PUBLIC_KEYS; or have heads made anew: npx upriver rollback ${model} --region, then retrain.`;
    return faulty(check, `the global head serves in place of those of ${refused.join(", ")}`, remedy);
  }
  const [lost] = own.filter(({ headManifest }) => headManifest === null);
  if (lost) {
    const remedy = `Teach it again: npx upriver samples ${model} --teach <folder> --region ${lost.region}; OPERATIONS.md says how.`;
    return faulty(check, `${lost.region} has a head that its object does not know: it lost what it knew`, remedy);
  }
  return sound(check, `${own.length}, each signed by a pinned key`);
}
