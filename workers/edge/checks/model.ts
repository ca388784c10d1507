import { ArtefactError, blobKey, blobsOf, checkBlob } from "#core/artefacts.ts";
import {
  type Finding,
  type HeadManifest,
  type HistoryEvent,
  type Manifest,
  type ModelPointer,
  modelPointerSchema,
} from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import { copyKey, decodeCopy } from "#core/registry-copy.ts";
import { type PublicKeys, signatureFault } from "#core/sign.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { manifestOf } from "../artefacts/models.ts";
import { type Call, ownRegions } from "../call.ts";
import { faulty, looked, sound } from "./finding.ts";

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
        const manifest = await manifestOf(call, model, version);
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

async function checkRegions(
  call: Call,
  { model, stable, heldBack }: ModelPointer,
  manifest?: Manifest,
): Promise<Finding[]> {
  if (!manifest || manifest.task === "tensor") return [];
  const { env, node } = call;
  const registry = registryObject(env, model);
  const baseOf = (region: string) => own(heldBack, region) ?? (stable as number);
  const states = await Promise.all(
    ownRegions(call, await registry.regions()).map(async (region) => ({
      ...(await regionObject(env, model, region).state(baseOf(region))),
      served: (await registry.headPointer(baseOf(region), region)).head,
      isLost: isLost((await registry.regionHistory(region)).history),
    })),
  );
  return [
    checkHealth(model, states),
    checkLabels(model, states),
    await checkHeads(node.deploymentKeys, model, states),
    await checkHeadBlobs(env, model, states),
  ];
}

/** A region's state, and the head that answers its questions according to the registry. */
type State = Awaited<ReturnType<ReturnType<typeof regionObject>["state"]>> & {
  served: HeadManifest | null;
  isLost: boolean;
};

/** Whether a region's object lost its state, and its head has neither been trained again nor been given up since. */
function isLost(history: readonly HistoryEvent[]): boolean {
  const latest = history.find(({ action }) => ["region-lost", "head", "head-rollback"].includes(action));
  return latest?.action === "region-lost";
}

function checkHealth(model: string, states: readonly State[]): Finding {
  const check = `${model}: regions`;
  const failed = states.filter(({ lastRun }) => lastRun?.status === "failed").map(({ region }) => region);
  if (failed.length > 0) {
    const remedy = `Find the reason under 'job-failed' in the log, then run: npx upriver retrain ${model} --region ${failed[0]}.`;
    return faulty(check, `the last retrain failed in ${failed.join(", ")}`, remedy);
  }
  const open = states.filter(({ breaker }) => breaker === "open").map(({ region }) => region);
  if (open.length > 0) {
    const found = `the circuit breaker for the next rung is open in ${open.join(", ")}`;
    return faulty(check, found, "Fix the next rung. The regions try again by themselves.");
  }
  return sound(check, `${states.length}, all healthy`);
}

/** Above this share of its labels by one token without trust, a region has nothing to judge them by. */
const untrustedMaxShare = 0.9;

function checkLabels(model: string, states: readonly State[]): Finding {
  const check = `${model}: labels`;
  const held = states.find(({ lastRun }) => lastRun?.status === "held");
  if (held) {
    const { region, lastRun } = held;
    const owners = lastRun?.report?.heldFor ?? [];
    const names = owners.map((owner) => `'${owner}'`).join(", ");
    const accept = `npx upriver retrain ${model} --region ${region} ${owners.map((owner) => `--accept-owner ${owner}`).join(" ")}`;
    const remedy = `Read them with npx upriver samples ${model}. Then accept them: ${accept}; or forget them: npx upriver forget ${model} --owner ${owners[0] ?? "<token>"}.`;
    return faulty(
      check,
      `the last retrain of ${region} waits for a person: labels of ${names} decide it, and are not trusted`,
      remedy,
    );
  }
  for (const { region, influence } of states) {
    const all = influence?.owners.reduce((sum, { samples }) => sum + samples, 0) ?? 0;
    const [most] = influence?.owners ?? [];
    if (!most || most.trusted || most.samples <= untrustedMaxShare * all) continue;
    const found = `${most.samples} of ${all} labels in ${region} are of '${most.owner}', which is not trusted: nothing judges by them`;
    return faulty(
      check,
      found,
      "Label questions with a trusted token or by people, or trust this token if you know who labels with it.",
    );
  }
  const refused = states.filter(({ influence }) => (influence?.refusedToday ?? 0) > 0);
  if (refused.length > 0) {
    const where = refused.map(({ region, influence }) => `${region} (${influence?.refusedToday})`).join(", ");
    const remedy = `npx upriver samples ${model} shows who labels. Revoke a token that attacks, or trust it if you know who labels with it.`;
    return faulty(
      check,
      `labels of tokens that are not trusted were refused today in ${where}: more than the limits`,
      remedy,
    );
  }
  const untrusted = states.reduce((sum, { influence }) => sum + (influence?.untrusted ?? 0), 0);
  return sound(
    check,
    untrusted === 0
      ? "all are of trusted tokens"
      : `${untrusted} are of tokens that are not trusted, within the limits`,
  );
}

/** Checks that the heads can be read. The edge serves the global head instead of one that can't, and says so in its answers. */
async function checkHeadBlobs(env: Env, model: string, states: readonly State[]): Promise<Finding> {
  const check = `${model}: blobs of heads`;
  const broken: string[] = [];
  const served = states.flatMap(({ region, served }) => (served ? [{ region, blob: served.head.blob }] : []));
  for (const { region, blob } of served) {
    if (!blob) continue;
    const object = await env.ARTEFACTS.get(blobKey(blob.sha256));
    const fault = await checkBlob(blob, object && (await object.arrayBuffer())).then(
      () => null,
      (error: unknown) => (error instanceof ArtefactError ? error.reason : String(error)),
    );
    if (fault) broken.push(`${region} (${fault})`);
  }
  if (broken.length === 0) return sound(check, `${served.length}, all match their hashes`);
  const [first = ""] = broken;
  const region = first.slice(0, first.indexOf(" ("));
  const remedy = `The region writes it again once it is asked, from its own copy. If this persists, it has none: npx upriver retrain ${model} --region ${region}.`;
  return faulty(check, `the global head is served instead of the heads of ${broken.join(", ")}`, remedy);
}

async function checkHeads(keys: PublicKeys, model: string, states: readonly State[]): Promise<Finding> {
  const check = `${model}: heads`;
  const own = states.filter(({ served }) => served !== null);
  // The edge serves the global head instead of one whose signature it can't verify, and only logs it.
  const refused: string[] = [];
  for (const { region, served } of own) {
    const fault = await signatureFault(served ?? {}, keys);
    if (fault) refused.push(`${region} (${fault})`);
  }
  if (refused.length > 0) {
    const remedy = `Pin the key again in DEPLOYMENT_PUBLIC_KEYS, or train new heads: npx upriver rollback ${model} --region, then retrain.`;
    return faulty(check, `the global head is served instead of the heads of ${refused.join(", ")}`, remedy);
  }
  const [lost] = own.filter((state) => state.headManifest === null || state.isLost);
  if (lost) {
    const remedy = `Restore its samples: npx upriver samples ${model} --teach <folder> --region ${lost.region}. See OPERATIONS.md.`;
    return faulty(
      check,
      `the object of ${lost.region} lost its state: its head is as before, its samples are gone`,
      remedy,
    );
  }
  return sound(check, `${own.length}, all signed by a pinned key`);
}
