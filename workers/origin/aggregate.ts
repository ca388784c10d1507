import type { UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { type GramMatrices, gramMatricesOf, priorOf, solveRidge, toFloat32 } from "#core/head/analytic.ts";
import { applyCalibration, calibrate } from "#core/head/calibration.ts";
import { encodeHead, logitsOf } from "#core/head/head.ts";
import { addSums, decodeSums, emptySums, labelsIn, type Sums } from "#core/head/sums.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import type { Recipe } from "./recipes/index.ts";
import { calibrateNetwork, holdOut } from "./train/calibrate.ts";
import { embedRows, labelsOf } from "./train/dataset.ts";
import type { Artefact, ManifestDraft } from "./train/index.ts";
import { withBins } from "./train/numbers.ts";
import { addBlob, type Blobs } from "./train/pack.ts";
import { assignSplits } from "./train/splits.ts";

/** A version with a global head aggregated from the regions' sums, and how many labels each region contributed. */
export interface Aggregation {
  artefact: Artefact;
  labels: Record<string, number>;
}

/** Labels that must be new since the last aggregation: sums of fewer would show too much of each. */
const aggregateMinLabels = 50;
const ridge = { tau: 0, lambda: 10 };
/** The source under which a version records how many of the regions' labels its head was aggregated from. */
const aggregatedSource = "regions";

/**
 * Aggregates the sums of all regions into a new global head (AFL, arXiv 2405.16240); no raw input leaves a region. The head
 * is calibrated and certified on the recipe's held-out rows. Throws when too few labels are new since the last aggregation.
 */
export async function aggregate(
  client: UpriverClient,
  recipe: Recipe,
  options: { before: string | null; file?: string | undefined },
): Promise<Aggregation> {
  const manifest = classifying(await client.manifest(recipe.name));
  const { width, classes } = manifest.thin.head;
  const labels: Record<string, number> = {};
  let all: Sums = emptySums(width, classes);
  for (const { region } of await client.regions(recipe.name)) {
    const sums = decodeSums(width, classes, await client.sums(recipe.name, region, manifest.thin.backbone.sha256));
    labels[region] = labelsIn(sums);
    all = addSums(all, sums);
  }
  const before = manifest.trainedOn.sources[aggregatedSource] ?? 0;
  const added = labelsIn(all) - before;
  if (added < aggregateMinLabels) {
    throw new Error(
      `Only ${added} labels are new since the last aggregation, and at least ${aggregateMinLabels} are needed to keep single ` +
        `labels private. Add labels, retrain the regions with 'npx upriver retrain ${recipe.name}', then aggregate again.`,
    );
  }
  const moments = gramMatricesOf(all, manifest.thin.backbone.embedding.step);
  const none: GramMatrices = { ...gramMatricesOf(emptySums(width, classes), 1), labels: 0 };
  const weights = toFloat32(solveRidge(moments, priorOf(moments, none, 0), ridge));
  return { artefact: await packAggregation(client, recipe, manifest, weights, labelsIn(all), options), labels };
}

async function packAggregation(
  client: UpriverClient,
  given: Recipe,
  manifest: ClassifyManifest,
  weights: Float32Array,
  labels: number,
  { before, file }: { before: string | null; file?: string | undefined },
): Promise<Artefact> {
  const { thin } = manifest;
  const recipe = withBins(given, [], manifest);
  const blobs: Blobs = new Map();
  for (const { sha256 } of [thin.backbone.topology, ...thin.backbone.shards]) {
    blobs.set(sha256, new Uint8Array(await client.blob(sha256)));
  }
  const rows = (await recipe.load({ file })).filter(({ at }) => before === null || at < Date.parse(before));
  const splits = assignSplits(recipe, rows);
  const heldOut = holdOut(recipe, thin.input, splits);
  const raw = await addBlob(blobs, encodeHead({ weights, bias: new Float32Array() }));
  const network = await loadNetwork(
    servingEngine,
    { ...thin, head: { ...thin.head, blob: raw, temperature: 1 } },
    async (blob) => (blobs.get(blob.sha256) as Uint8Array<ArrayBuffer>).slice().buffer,
  );
  const embeddings = embedRows(network.backbone, heldOut.validation);
  const logits = Array.from({ length: heldOut.validation.rows }, (_, row) =>
    logitsOf(network.head, embeddings, row * thin.head.width),
  );
  network.backbone.release();
  blobs.delete(raw.sha256);
  const calibration = calibrate(logits, labelsOf(heldOut.validation), { centre: 0.2, deviation: 1 });
  const calibrated = { weights: applyCalibration(weights, calibration), bias: new Float32Array() };
  const blob = await addBlob(blobs, encodeHead(calibrated));
  const packed = { input: thin.input, backbone: thin.backbone, head: { ...thin.head, blob, temperature: 1 } };
  const certified = await calibrateNetwork(recipe, packed, blobs, heldOut);
  const { version: _, parent: __, createdAt: ___, signature: ____, ...same } = manifest;
  const draft: ManifestDraft = {
    ...same,
    // Backbone and embedding step stay the same, so regions keep their sums.
    thin: { ...certified.spec, backbone: thin.backbone },
    splits: splits.splits,
    metrics: { ...manifest.metrics, thin: certified.metrics },
    trainedOn: { ...manifest.trainedOn, sources: { ...manifest.trainedOn.sources, [aggregatedSource]: labels } },
  };
  return { draft, blobs };
}
