import { ArtefactError, blobKey, checkBlob } from "#core/artefacts.ts";
import type { BlobRef } from "#core/contract/index.ts";
import { readStorage } from "./storage.ts";

const kvCacheSeconds = 60;
const kvBlobMaxBytes = 20 * 1024 * 1024;

const kvKey = (sha256: string) => `blob/${sha256}`;

/** Reads a blob and checks its hash: from KV, or from R2 when the value in KV is missing or corrupt; then fills KV. */
export async function readBlob(env: Env, later: (work: Promise<unknown>) => void, blob: BlobRef): Promise<ArrayBuffer> {
  const near = await readStorage(kvKey(blob.sha256), () =>
    env.CACHE.get(kvKey(blob.sha256), { type: "arrayBuffer", cacheTtl: kvCacheSeconds }),
  );
  if (near) {
    try {
      return await checkBlob(blob, near);
    } catch (error) {
      if (!(error instanceof ArtefactError)) throw error;
      console.warn(JSON.stringify({ event: "corrupt-cache", blob: blob.sha256, reason: error.reason }));
    }
  }
  const bytes = await readStoredBlob(env, blob);
  if (bytes.byteLength <= kvBlobMaxBytes) later(env.CACHE.put(kvKey(blob.sha256), bytes));
  return bytes;
}

/** Reads a blob from R2 and checks its hash. */
export async function readStoredBlob(env: Env, blob: BlobRef): Promise<ArrayBuffer> {
  const stored = await readStorage(blobKey(blob.sha256), async () => {
    const object = await env.ARTEFACTS.get(blobKey(blob.sha256));
    return object && (await object.arrayBuffer());
  });
  return checkBlob(blob, stored);
}
