import type { UpriverClient } from "#client/index.ts";
import { checkBlob } from "#core/artefacts.ts";
import type { BlobRef, ClassifyManifest } from "#core/contract/index.ts";
import type { HeadWeights } from "#core/head/head.ts";
import { decodeHead } from "#core/head/head.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { scoreRows } from "./score.ts";

/** Heads by region, without regions that use the global head. */
export type HeadsByRegion = Map<string, HeadWeights>;

/** Fetches the regions' current heads; null when no region has its own. */
export async function headsOf(
  client: UpriverClient,
  model: string,
  regions: readonly string[],
): Promise<HeadsByRegion | null> {
  const heads: HeadsByRegion = new Map();
  for (const { region, headManifest } of await client.regions(model, { fresh: true })) {
    if (!headManifest || !regions.includes(region)) continue;
    const { head } = headManifest;
    heads.set(region, decodeHead(head, await readBlob(client, head.blob)));
  }
  return heads.size > 0 ? heads : null;
}

/** Scores rows with the served thin backbone and fixed heads; returns [rows, classes]. */
export async function scoreOnce(
  client: UpriverClient,
  recipe: Recipe,
  manifest: ClassifyManifest,
  rows: readonly Row[],
  heads: HeadsByRegion,
): Promise<Float64Array> {
  const network = await loadNetwork(servingEngine, manifest.thin, (blob) => readBlob(client, blob));
  try {
    return scoreRows(recipe, network, rows, heads);
  } finally {
    network.backbone.release();
  }
}

async function readBlob(client: UpriverClient, blob: BlobRef): Promise<ArrayBuffer> {
  return checkBlob(blob, await client.blob(blob.sha256));
}
