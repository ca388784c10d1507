import { checkBlob } from "#core/artefacts.ts";
import type { NetworkSpec } from "#core/contract/index.ts";
import { scoresOf } from "#core/head/head.ts";
import { loadNetwork, type ReadBlob } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { type Dataset, embedRows } from "./dataset.ts";
import type { Blobs } from "./pack.ts";

/** Computes calibrated scores of each row as the edge does: on its engine, with the global head. */
export async function scoreDataset(spec: NetworkSpec, read: ReadBlob, data: Dataset): Promise<Float64Array[]> {
  const { backbone, head } = await loadNetwork(servingEngine, spec, read);
  try {
    const embeddings = embedRows(backbone, data);
    return Array.from({ length: data.rows }, (_, row) => scoresOf(head, embeddings, row * head.width));
  } finally {
    backbone.release();
  }
}

/** Reads and verifies blobs from memory. */
export function readFrom(blobs: Blobs): ReadBlob {
  return async (blob) => checkBlob(blob, blobs.get(blob.sha256)?.slice().buffer ?? null);
}
