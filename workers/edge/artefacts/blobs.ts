import { ArtefactError, blobKey, checkBlob } from "#core/artefacts.ts";
import type { BlobRef } from "#core/contract/index.ts";
import type { Call } from "../call.ts";
import { readNear } from "./near.ts";
import { readStorage } from "./storage.ts";

const kvCacheSeconds = 60;
const kvBlobMaxBytes = 20 * 1024 * 1024;

/** What reading a blob takes of a call. */
type BlobCall = Pick<Call, "env" | "node" | "later">;

const kvKey = (sha256: string) => `blob/${sha256}`;

/** Reads a blob and checks its hash: from KV, or from R2 when KV has it not, corrupt or does not reply; then fills KV. */
export async function readBlob({ env, node, later }: BlobCall, blob: BlobRef): Promise<ArrayBuffer> {
  const near = await readNear(node, kvKey(blob.sha256), () =>
    env.CACHE.get(kvKey(blob.sha256), { type: "arrayBuffer", cacheTtl: kvCacheSeconds }),
  );
  if (near.isReached && near.value) {
    try {
      return await checkBlob(blob, near.value);
    } catch (error) {
      if (!(error instanceof ArtefactError)) throw error;
      console.warn(JSON.stringify({ event: "corrupt-cache", blob: blob.sha256, reason: error.reason }));
    }
  }
  const bytes = await readStoredBlob(env, blob);
  if (near.isReached && bytes.byteLength <= kvBlobMaxBytes) later(fill(env, blob.sha256, bytes));
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

async function fill(env: Env, sha256: string, bytes: ArrayBuffer): Promise<void> {
  try {
    await env.CACHE.put(kvKey(sha256), bytes);
  } catch (error) {
    console.warn(JSON.stringify({ event: "cache-unavailable", key: kvKey(sha256), error: String(error) }));
  }
}
