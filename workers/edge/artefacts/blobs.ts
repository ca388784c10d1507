import { ArtefactError, blobKey, checkBlob } from "#core/artefacts.ts";
import type { BlobRef } from "#core/contract/index.ts";

const kvCacheSeconds = 60;
const kvBlobMaxBytes = 20 * 1024 * 1024;

const kvKey = (sha256: string) => `blob/${sha256}`;

/** A blob's bytes, verified: from KV near the edge, or where that is missing or corrupt from R2, and back into KV. */
export async function readBlob(env: Env, later: (work: Promise<unknown>) => void, blob: BlobRef): Promise<ArrayBuffer> {
  const near = await env.CACHE.get(kvKey(blob.sha256), { type: "arrayBuffer", cacheTtl: kvCacheSeconds });
  if (near) {
    try {
      return await checkBlob(blob, near);
    } catch (error) {
      if (!(error instanceof ArtefactError)) throw error;
      console.warn(JSON.stringify({ event: "corrupt-cache", blob: blob.sha256, reason: error.reason }));
    }
  }
  const object = await env.ARTEFACTS.get(blobKey(blob.sha256));
  const bytes = await checkBlob(blob, object && (await object.arrayBuffer()));
  if (bytes.byteLength <= kvBlobMaxBytes) later(env.CACHE.put(kvKey(blob.sha256), bytes));
  return bytes;
}
