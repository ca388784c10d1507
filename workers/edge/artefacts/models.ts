import { ArtefactError, checkManifest, classifying, isArtefactError, manifestKey } from "#core/artefacts.ts";
import { leftMs } from "#core/clock.ts";
import type { ClassifyManifest, HeadManifest, Manifest, TensorManifest } from "#core/contract/index.ts";
import type { HeadWeights } from "#core/head/head.ts";
import { decodeHead } from "#core/head/head.ts";
import { EngineError } from "#core/model/engine.ts";
import { loadNetwork, type Network, type ReadBlob } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { loadTensorModel, type TensorModel } from "#core/model/tensor-model.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { servedManifest } from "#core/rung-kind.ts";
import { signatureFault } from "#core/sign.ts";
import { regionObject } from "#objects/stubs.ts";
import type { Call } from "../call.ts";
import { readBlob } from "./blobs.ts";
import { readStorage } from "./storage.ts";

/** How long a head that can't be read is not tried again. */
const headFaultMs = 5_000;

/** Lists the published models from R2. */
export async function modelNames(env: Env): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await env.ARTEFACTS.list({ prefix: "models/", delimiter: "/", ...(cursor ? { cursor } : {}) });
    names.push(...page.delimitedPrefixes.map((prefix) => prefix.split("/")[1] as string));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return names;
}

/** Reads a version's manifest as this kind of rung serves it. */
export async function manifestOf(call: Pick<Call, "env" | "node">, model: string, version: number): Promise<Manifest> {
  const { served, host } = call.node;
  const signed = await signedManifest(call, model, version);
  const manifest = served.get(signed) ?? servedManifest(signed, host);
  served.set(signed, manifest);
  return manifest;
}

/** Reads a version's manifest as it was signed: from memory, or from R2 with its signature checked. */
export async function signedManifest(
  { env, node }: Pick<Call, "env" | "node">,
  model: string,
  version: number,
): Promise<Manifest> {
  const key = manifestKey(model, version);
  const known = node.manifests.get(key);
  if (known) return known;
  const text = await readStorage(key, async () => {
    const object = await env.ARTEFACTS.get(key);
    return object && (await object.text());
  });
  const manifest = await checkManifest(model, version, text, node.publishKeys);
  node.manifests.set(key, manifest);
  return manifest;
}

/** Reads the manifest of a classifier. Throws the fault for another task. */
export async function classifierOf(
  call: Pick<Call, "env" | "node">,
  model: string,
  version: number,
): Promise<ClassifyManifest> {
  return classifying(await manifestOf(call, model, version));
}

/** Returns a version's thin network, loaded from its blobs where it is not in memory. */
export function networkOf(call: Call, manifest: ClassifyManifest): Promise<Network> {
  return loaded(call, manifest, async (read) => loadNetwork(servingEngine, manifest.thin, read));
}

/** Returns a tensor model with its manifest. Throws `ArtefactError` for a version with another task. */
export async function tensorModelOf(
  call: Call,
  name: string,
  version: number,
): Promise<{ manifest: TensorManifest; model: TensorModel }> {
  const manifest = await manifestOf(call, name, version);
  if (manifest.task !== "tensor") throw new ArtefactError(manifestKey(name, version), "its task is not 'tensor'");
  const load = async (read: ReadBlob) => loadTensorModel(servingEngine, manifest.network, read);
  return { manifest, model: await loaded(call, manifest, load) };
}

/** Returns a version's model from memory, or loads it. A model that can't be built is not tried again in this isolate. */
async function loaded<V extends Network | TensorModel>(
  call: Call,
  { model, version }: Manifest,
  load: (read: ReadBlob) => Promise<V>,
): Promise<V> {
  const { node } = call;
  const key = manifestKey(model, version);
  // A version never changes its task, so the type in memory is known.
  const known = () => node.models.get(key) as V | undefined;
  const before = known();
  if (before) return before;
  const broken = node.broken.get(key);
  if (broken !== undefined) throw new ArtefactError(key, broken);
  const value = await load((blob) => readBlob(call, blob)).catch((error: unknown) => {
    if (!(error instanceof EngineError)) throw error;
    // Blobs are content-addressed and never change. A lack of memory may be over the next time.
    if (!(error.cause instanceof RangeError)) node.broken.set(key, error.message);
    throw new ArtefactError(key, error.message);
  });
  // Another request may have loaded it meanwhile: keep one copy.
  const meanwhile = known();
  if (meanwhile) {
    value.release();
    return meanwhile;
  }
  node.models.set(key, value, value.bytes);
  return value;
}

/** A region's head, or why the global head answers in its place; `isPointer`: its pointer is at fault, not its blob. */
export type LoadedHead = { weights: HeadWeights } | { fault: string; isPointer: boolean };

/**
 * Returns a region's head where the deployment signed it for this backbone and its blob is sound. A head that can't be read
 * is repaired by its region, and read again some seconds later.
 */
export async function headOf(call: Call, manifest: ClassifyManifest, head: HeadManifest): Promise<LoadedHead> {
  const { heads, headFaults, signedHeads, deploymentKeys } = call.node;
  const { sha256, bytes } = head.head.blob;
  const weights = heads.get(sha256);
  // A pointer that was read again may name the same blob with another rule or number.
  if (weights && signedHeads.has(head)) return { weights };
  // A spoilt pointer may name a sound blob.
  const key = JSON.stringify(head);
  const known = headFaults.get(key);
  if (known && leftMs(known.freshUntil, headFaultMs, Date.now()) > 0) return known.value;
  const isOther = head.backbone !== manifest.thin.backbone.sha256 || head.head.classes !== manifest.labels.length;
  const unsigned = await signatureFault(head, deploymentKeys);
  const fault = isOther ? "it is for another backbone" : unsigned;
  // A sound head of another thin network, which the rung ran before: the registry has no other one until a retrain.
  const isPointer = unsigned !== null || head.base !== manifest.version;
  const readOnce = () => (weights ? { weights } : readHead(call, head));
  const loaded: LoadedHead = fault ? { fault, isPointer } : await readOnce();
  if ("weights" in loaded) {
    signedHeads.add(head);
    heads.set(sha256, loaded.weights, bytes);
    headFaults.delete(key);
    return loaded;
  }
  headFaults.set(key, { value: loaded, freshUntil: Date.now() + headFaultMs });
  console.error(
    JSON.stringify({ event: "head-refused", model: head.model, region: head.region, reason: loaded.fault }),
  );
  return loaded;
}

async function readHead(call: Call, head: HeadManifest): Promise<LoadedHead> {
  try {
    return { weights: decodeHead(head.head, await readBlob(call, head.head.blob)) };
  } catch (error) {
    if (!isArtefactError(error) && !(error instanceof RungUnavailableError)) throw error;
    if (isArtefactError(error)) call.later(repairHead(call, head));
    return { fault: isArtefactError(error) ? error.reason : "the storage did not reply", isPointer: false };
  }
}

// The region has the bytes of its heads. An object of an earlier release has not, and no such method.
async function repairHead({ env }: Call, { model, region, base }: HeadManifest): Promise<void> {
  try {
    await regionObject(env, model, region).repairHeads(base);
  } catch (error) {
    console.warn(JSON.stringify({ event: "head-not-repaired", model, region, error: String(error) }));
  }
}
