import { ArtefactError, isArtefactError } from "../../core/artefacts.ts";
import type {
  ClassifyManifest,
  HeadManifest,
  HeadPointer,
  OpenSums,
  Rule,
  Serving,
} from "../../core/contract/index.ts";
import { decodeHead } from "../../core/head/head.ts";
import { loadNetwork, type Network, type ReadBlob } from "../../core/model/network.ts";
import { servingEngine } from "../../core/model/serving-engine.ts";
import { ModelRung, type RegionalServing } from "../../core/rung/model-rung.ts";
import { inheritedServing, withoutHead } from "../../core/rung/regional-serving.ts";
import { signatureFault } from "../../core/sign.ts";
import type { DeviceKeys } from "./types.ts";

/** A version in memory, as it serves the device's region. */
export interface Served {
  serving: Serving;
  /** As this device runs it: `thin` is the network that it runs. */
  manifest: ClassifyManifest;
  /** Whether the network is one for devices. */
  isOwnThin: boolean;
  network: Network;
  regional: RegionalServing;
  /** The rule that accepts answers of the head that serves. */
  rule: Rule;
  rung: ModelRung;
  /** What contributions taught the region; null where its labels are not open. */
  open: OpenSums | null;
}

/** Loads a version with the head of its region. Throws `ArtefactError` or `EngineError` where its blobs can't be used. */
export async function loadServed(
  { serving, manifest, isOwnThin, open }: Pick<Served, "serving" | "manifest" | "isOwnThin" | "open">,
  keys: DeviceKeys,
  read: ReadBlob,
): Promise<Served> {
  // Head, rule and certificate of the rung above hold for its own network alone.
  const isSame = serving.backbone === manifest.thin.backbone.sha256;
  const regional = isSame ? await regionalOf(manifest, serving, keys, read) : { head: null, rule: null };
  const network = await loadNetwork(servingEngine, manifest.thin, read);
  const rung = new ModelRung({
    ...{ name: "edge", manifest, network, servingOf: () => regional },
    group: isSame ? serving.group : null,
  });
  const rule = regional.rule ?? regional.head?.manifest.rule ?? manifest.thin.rule;
  return { serving, manifest, isOwnThin, network, regional, rule, rung, open };
}

async function regionalOf(
  manifest: ClassifyManifest,
  { region, own, parent }: Serving,
  keys: DeviceKeys,
  read: ReadBlob,
): Promise<RegionalServing> {
  const served = await servingOf(manifest, region, own, keys, read);
  if (!parent || served.head || served.degraded) return served;
  const inherits = await servingOf(manifest, parent.region, parent.pointer, keys, read);
  return inheritedServing(parent.region, inherits, served.rule);
}

async function servingOf(
  manifest: ClassifyManifest,
  region: string,
  { head, rule }: HeadPointer,
  keys: DeviceKeys,
  read: ReadBlob,
): Promise<RegionalServing> {
  if (!head) return { head: null, rule };
  try {
    await checkHead(manifest, region, head, keys);
    return { head: { manifest: head, weights: decodeHead(head.head, await read(head.head.blob)) }, rule };
  } catch (error) {
    if (!isArtefactError(error)) throw error;
    return withoutHead(manifest, { region, rule: rule ?? head.rule, fault: error.reason });
  }
}

async function checkHead(
  { model, version, thin, labels }: ClassifyManifest,
  region: string,
  head: HeadManifest,
  keys: DeviceKeys,
): Promise<void> {
  const isOther = head.base !== version || head.backbone !== thin.backbone.sha256;
  const fault = isOther || head.head.classes !== labels.length ? "it is for another version" : null;
  const place = head.model !== model || head.region !== region ? "it is for another region" : null;
  const unsigned = fault ?? place ?? (await signatureFault(head, keys.deployment));
  if (unsigned) throw new ArtefactError(`head ${head.number} of '${head.region}'`, unsigned);
}
