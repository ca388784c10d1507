import { blobKey, checkBlob } from "#core/artefacts.ts";
import type { Head } from "#core/contract/index.ts";
import type { HeadWeights } from "#core/head/head.ts";
import { decodeHead } from "#core/head/head.ts";
import type { ReadBlob } from "#core/model/network.ts";

/** Reads blobs from R2, their hashes checked. */
export function blobReader(env: Pick<Env, "ARTEFACTS">): ReadBlob {
  return async (blob) => {
    const object = await env.ARTEFACTS.get(blobKey(blob.sha256));
    return checkBlob(blob, object && (await object.arrayBuffer()));
  };
}

export async function readHead(env: Pick<Env, "ARTEFACTS">, head: Head): Promise<HeadWeights> {
  return decodeHead(head, await blobReader(env)(head.blob));
}
