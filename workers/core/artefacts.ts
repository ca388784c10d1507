import type { ZodError } from "zod";
import {
  type BlobRef,
  type ClassifyManifest,
  type Manifest,
  manifestSchema,
  networksOf,
  ownThinKinds,
  type TensorManifest,
} from "./contract/index.ts";
import { sha256Hex } from "./hash.ts";
import { FaultError } from "./http/fault.ts";
import { type PublicKeys, signatureFault } from "./sign.ts";

/** An artefact that is missing, damaged or not what its name says. */
export class ArtefactError extends Error {
  override readonly name: string = "ArtefactError";
  readonly artefact: string;
  readonly reason: string;
  constructor(artefact: string, reason: string) {
    super(`Artefact ${artefact}: ${reason}`);
    this.artefact = artefact;
    this.reason = reason;
  }
}

/** A manifest that version 0.1 wrote. */
export class OldFormatError extends ArtefactError {
  override readonly name = "OldFormatError";
  constructor(artefact: string) {
    super(
      artefact,
      "it has the format upriver/1, which this release does not read: run 'npm run reset', or upgrade a deployment as in OPERATIONS.md",
    );
  }
}

/** Tells whether an error is an `ArtefactError`. An error that crosses from an object loses its class, not its name. */
export function isArtefactError(error: unknown): error is ArtefactError {
  return error instanceof Error && /^(Artefact|OldFormat)Error$/.test(error.name) && "artefact" in error;
}

/** Names a blob in artefact storage. */
export const blobKey = (sha256: string): string => `blobs/${sha256}`;
/** The beginning of the names of a model's manifests. */
export const versionsPrefix = (model: string): string => `models/${model}/versions/`;
/** Names a manifest in artefact storage. */
export const manifestKey = (model: string, version: number): string => `${versionsPrefix(model)}${version}.json`;

/** Returns a blob's bytes if they have its hash. Throws `ArtefactError` if they do not or if there are none. */
export async function checkBlob({ sha256 }: Pick<BlobRef, "sha256">, bytes: ArrayBuffer | null): Promise<ArrayBuffer> {
  if (bytes === null) throw new ArtefactError(blobKey(sha256), "it is missing");
  const actual = await sha256Hex(bytes);
  if (actual !== sha256) throw new ArtefactError(blobKey(sha256), `the SHA-256 of its content is ${actual}`);
  return bytes;
}

/**
 * Parses a manifest and verifies that a pinned key signed it. Throws `OldFormatError` for a manifest of version 0.1, and
 * `ArtefactError` for one that is missing, invalid, of another version, or not signed by a pinned key.
 */
export async function checkManifest(
  model: string,
  version: number,
  text: string | null,
  publicKeys: PublicKeys,
): Promise<Manifest> {
  const key = manifestKey(model, version);
  if (text === null) throw new ArtefactError(key, "it is missing");
  const document = parseJson(text);
  if (hasOldFormat(document)) throw new OldFormatError(key);
  const parsed = manifestSchema.safeParse(document);
  if (!parsed.success) throw new ArtefactError(key, `it is not a valid manifest: ${faultIn(parsed.error)}`);
  const manifest = parsed.data;
  if (manifest.model !== model || manifest.version !== version) {
    throw new ArtefactError(key, `it contains version ${manifest.version} of '${manifest.model}'`);
  }
  const fault = await signatureFault(manifest, publicKeys);
  if (fault) throw new ArtefactError(key, fault);
  return manifest;
}

/** The fields of a manifest that reference blobs. */
type BlobFields =
  | Pick<ClassifyManifest, "task" | "thin" | "full" | "thins" | "anchor" | "prior" | "recipe">
  | Pick<TensorManifest, "task" | "network">;

/** Lists the blobs that regions train and judge their heads with: the anchor sets and priors. */
export function learningBlobsOf(manifest: BlobFields): BlobRef[] {
  if (manifest.task === "tensor") return [];
  const { thins = {} } = manifest;
  const learnedBy = [manifest, ...ownThinKinds.flatMap((kind) => thins[kind] ?? [])];
  return learnedBy.flatMap(({ anchor, prior }) => [anchor, prior].flatMap((part) => (part ? [part.blob] : [])));
}

/** Lists the blobs that reveal more of the data than the model does. Only the publish scope may read them. */
export function privateBlobsOf(manifest: BlobFields): BlobRef[] {
  if (manifest.task === "tensor") return [];
  const { recipe } = manifest;
  return [...learningBlobsOf(manifest), ...(recipe ? [recipe.document, ...recipe.source] : [])];
}

/** Lists every blob that a manifest references. */
export function blobsOf(manifest: BlobFields): BlobRef[] {
  if (manifest.task === "tensor") return [manifest.network.topology, ...manifest.network.shards];
  const networks = networksOf(manifest).flatMap(({ backbone, head }) => [
    backbone.topology,
    ...backbone.shards,
    head.blob,
  ]);
  return [...networks, ...privateBlobsOf(manifest)];
}

/** Narrows a manifest to a model that learns, the only ones with regions. Throws a `conflict` fault for another. */
export function classifying(manifest: Manifest): ClassifyManifest {
  if (manifest.task !== "tensor") return manifest;
  throw new FaultError({
    kind: "conflict",
    expected: "a model that classifies or predicts numbers",
    received: `'${manifest.model}', whose task is '${manifest.task}'`,
    next: "Ask this model as it is: it has no regions and does not learn.",
  });
}

function hasOldFormat(document: unknown): boolean {
  return (document as { format?: unknown } | null)?.format === "upriver/1";
}

function faultIn({ issues: [issue] }: ZodError): string {
  return issue ? `${issue.path.join(".") || "the document"}: ${issue.message}` : "it does not match the schema";
}

/** Parses JSON; null for text that is none, which no schema accepts. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
