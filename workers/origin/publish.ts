import type { UpriverClient } from "#client/index.ts";
import { ProblemError } from "#client/index.ts";
import { blobsOf, privateBlobsOf } from "#core/artefacts.ts";
import type { Manifest, TensorManifest } from "#core/contract/index.ts";
import { type SigningKey, sign } from "#core/sign.ts";
import type { Artefact, ManifestDraft, Unpublished } from "./train/index.ts";

/**
 * Publishes an artefact as the model's next version through the edge's API: blobs first, then the signed manifest. The
 * version serves no caller before its rollout.
 */
export async function publish<D extends ManifestDraft | Unpublished<TensorManifest>>(
  client: UpriverClient,
  artefact: Artefact<D>,
  key: SigningKey,
): Promise<D & Manifest> {
  const { draft, blobs } = artefact;
  const latest = await latestVersion(client, draft.model);
  const isPrivate = new Set(privateBlobsOf(draft).map(({ sha256 }) => sha256));
  for (const { sha256 } of blobsOf(draft)) {
    const bytes = blobs.get(sha256);
    // The edge has the blobs of earlier versions; it refuses the manifest if one is missing.
    if (bytes) await client.putBlob(sha256, bytes, isPrivate.has(sha256) ? "publish" : "ask");
  }
  const numbered = { ...draft, version: (latest ?? 0) + 1, parent: latest, createdAt: new Date().toISOString() };
  const manifest = await sign(numbered as D & Manifest, key);
  await client.putVersion(manifest);
  return manifest;
}

async function latestVersion(client: UpriverClient, model: string): Promise<number | null> {
  try {
    return (await client.versions(model)).versions[0]?.version ?? null;
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 404) return null;
    throw error;
  }
}
