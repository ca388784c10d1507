import {
  type BlobRef,
  type ClassifyManifest,
  type Manifest,
  manifestSchema,
  type TensorManifest,
} from "./contract/index.ts";
import { sha256Hex } from "./hash.ts";
import { FaultError } from "./http/fault.ts";
import { type PublicKeys, signatureFault } from "./sign.ts";

/** An artefact that is missing or not what its name says. */
export class ArtefactError extends Error {
  override readonly name = "ArtefactError";
  readonly artefact: string;
  readonly reason: string;
  constructor(artefact: string, reason: string) {
    super(`Artefact ${artefact}: ${reason}`);
    this.artefact = artefact;
    this.reason = reason;
  }
}

/** Whether an error is one of an artefact; one that comes from an object has lost its class, not its name. */
export function isArtefactError(error: unknown): error is ArtefactError {
  return error instanceof Error && error.name === "ArtefactError" && "artefact" in error;
}

export const blobKey = (sha256: string): string => `blobs/${sha256}`;
export const manifestKey = (model: string, version: number): string => `models/${model}/versions/${version}.json`;

/** Gives a blob's bytes back when they have its hash; throws `ArtefactError`, naming the blob, when not. */
export async function checkBlob({ sha256 }: Pick<BlobRef, "sha256">, bytes: ArrayBuffer | null): Promise<ArrayBuffer> {
  if (bytes === null) throw new ArtefactError(blobKey(sha256), "it is not there");
  const actual = await sha256Hex(bytes);
  if (actual !== sha256) throw new ArtefactError(blobKey(sha256), `its bytes hash to ${actual}`);
  return bytes;
}

/** Reads a manifest that a pinned key signed; throws `ArtefactError`, naming it, when it is another or unsigned. */
export async function checkManifest(
  model: string,
  version: number,
  text: string | null,
  publicKeys: PublicKeys,
): Promise<Manifest> {
  const key = manifestKey(model, version);
  if (text === null) throw new ArtefactError(key, "it is not there");
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new ArtefactError(key, `it is no manifest: ${parsed.error.issues[0]?.message}`);
  const manifest = parsed.data;
  if (manifest.model !== model || manifest.version !== version) {
    throw new ArtefactError(key, `it is version ${manifest.version} of '${manifest.model}'`);
  }
  const fault = await signatureFault(manifest, publicKeys);
  if (fault) throw new ArtefactError(key, fault);
  return manifest;
}

/** What of a manifest names blobs. */
type Naming =
  | Pick<ClassifyManifest, "task" | "thin" | "full" | "anchor" | "prior">
  | Pick<TensorManifest, "task" | "network">;

/** Blobs that show more of the data than a model does: only the publish scope reads them. */
export function privateBlobsOf(manifest: Naming): BlobRef[] {
  if (manifest.task === "tensor") return [];
  return [manifest.anchor, manifest.prior].flatMap((part) => (part ? [part.blob] : []));
}

/** Every blob that a manifest names. */
export function blobsOf(manifest: Naming): BlobRef[] {
  if (manifest.task === "tensor") return [manifest.network.topology, ...manifest.network.shards];
  const { thin, full } = manifest;
  const networks = [thin, ...(full ? [full] : [])].flatMap(({ backbone, head }) => [
    backbone.topology,
    ...backbone.shards,
    head.blob,
  ]);
  return [...networks, ...privateBlobsOf(manifest)];
}

/** The manifest of a model that classifies: it alone has regions, and learns. Throws the fault for another. */
export function classifying(manifest: Manifest): ClassifyManifest {
  if (manifest.task === "classify") return manifest;
  throw new FaultError({
    kind: "conflict",
    expected: "a model that classifies",
    received: `'${manifest.model}', whose task is '${manifest.task}'`,
    next: "Ask it: its outputs are served as they are. It has no regions, and does not learn.",
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
