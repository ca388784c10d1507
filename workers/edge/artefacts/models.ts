import { checkManifest, manifestKey } from "../../core/artefacts.ts";
import type { HeadManifest, Manifest } from "../../core/contract/index.ts";
import type { HeadWeights } from "../../core/head/head.ts";
import { decodeHead } from "../../core/head/head.ts";
import { loadNetwork, type Network } from "../../core/model/network.ts";
import { tfjsEngine } from "../../core/model/tfjs/engine.ts";
import { signatureFault } from "../../core/sign.ts";
import type { Call } from "../call.ts";
import { readBlob } from "./blobs.ts";

/** The models that were published, as R2 has them. */
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

/** A version's manifest: from memory, or from R2 with its signature checked. */
export async function manifestOf(
  { env, node }: Pick<Call, "env" | "node">,
  model: string,
  version: number,
): Promise<Manifest> {
  const key = manifestKey(model, version);
  const known = node.manifests.get(key);
  if (known) return known;
  const object = await env.ARTEFACTS.get(key);
  const manifest = await checkManifest(model, version, object && (await object.text()), node.publishKeys);
  node.manifests.set(key, manifest);
  return manifest;
}

/** A version's thin network: from memory, or loaded from its blobs. */
export async function networkOf(call: Call, manifest: Manifest): Promise<Network> {
  const { networks } = call.node;
  const key = `${manifest.model}@${manifest.version}`;
  const known = networks.get(key);
  if (known) return known;
  const engine = await tfjsEngine();
  const network = await loadNetwork(engine, manifest.thin, (blob) => readBlob(call.env, call.later, blob));
  // Another request may have loaded it meanwhile: one copy is enough.
  const meanwhile = networks.get(key);
  if (meanwhile) {
    network.backbone.release();
    return meanwhile;
  }
  networks.set(key, network, network.backbone.bytes);
  return network;
}

/** A region's head: from memory, or from its blob, when the deployment signed it for this backbone; else null. */
export async function headOf(call: Call, manifest: Manifest, head: HeadManifest): Promise<HeadWeights | null> {
  const { heads, deploymentKeys } = call.node;
  const known = heads.get(head.head.blob.sha256);
  if (known) return known;
  const isOther = head.backbone !== manifest.thin.backbone.sha256 || head.head.classes !== manifest.labels.length;
  const fault = isOther ? "it is for another backbone" : await signatureFault(head, deploymentKeys);
  if (fault) {
    console.error(JSON.stringify({ event: "head-refused", model: head.model, region: head.region, reason: fault }));
    return null;
  }
  const weights = decodeHead(head.head, await readBlob(call.env, call.later, head.head.blob));
  heads.set(head.head.blob.sha256, weights, head.head.blob.bytes);
  return weights;
}
