import type { UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { type Moments, momentsOf, priorOf, solveRidge, toFloat32 } from "#core/head/analytic.ts";
import { applyCalibration, calibrate } from "#core/head/calibration.ts";
import { encodeHead, logitsOf } from "#core/head/head.ts";
import { addSums, decodeSums, emptySums, labelsIn, type Sums } from "#core/head/sums.ts";
import { loadNetwork } from "#core/model/network.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import type { Recipe } from "./recipes/index.ts";
import { calibrate as certify, type HeldOut } from "./train/calibrate.ts";
import { assignSplits, embedRows, encodeRows } from "./train/dataset.ts";
import type { Artefact, ManifestDraft } from "./train/index.ts";
import type { Blobs } from "./train/pack.ts";

/** What the regions' sums came to: a version with a new global head, and whose labels are in it. */
export interface Aggregation {
  artefact: Artefact;
  labels: Record<string, number>;
}

/** Labels that must be new since the last aggregation: sums of fewer would show too much of each. */
const aggregateMinLabels = 50;
const ridge = { tau: 0, lambda: 10 };
/** The label source under which a version records how many of the regions' labels its head was combined from. */
const aggregatedSource = "regions";

/**
 * Adds up the sums of all regions into a new global head (AFL, arXiv 2405.16240): no raw input moves. Calibrated and
 * certified on the recipe's own held-out rows. Throws where fewer than 50 labels came since the last combination.
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
    const sums = decodeSums(width, classes, await client.sums(recipe.name, region));
    labels[region] = labelsIn(sums);
    all = addSums(all, sums);
  }
  const before = manifest.trainedOn.sources[aggregatedSource] ?? 0;
  const added = labelsIn(all) - before;
  if (added < aggregateMinLabels) {
    throw new Error(
      `Error in combine: ${added} labels since the last combination, and ${aggregateMinLabels} are needed: ` +
        "fewer would show too much of each. Teach more, retrain the regions ('npx upriver retrain'), and combine again.",
    );
  }
  const moments = momentsOf(all, manifest.thin.backbone.embedding.step);
  const none: Moments = { ...momentsOf(emptySums(width, classes), 1), labels: 0 };
  const weights = toFloat32(solveRidge(moments, priorOf(moments, none, 0), ridge));
  return { artefact: await packAggregation(client, recipe, manifest, weights, labelsIn(all), options), labels };
}

async function packAggregation(
  client: UpriverClient,
  recipe: Recipe,
  manifest: ClassifyManifest,
  weights: Float32Array,
  labels: number,
  { before, file }: { before: string | null; file?: string | undefined },
): Promise<Artefact> {
  const { thin } = manifest;
  const blobs: Blobs = new Map();
  for (const { sha256 } of [thin.backbone.topology, ...thin.backbone.shards]) {
    blobs.set(sha256, new Uint8Array(await client.blob(sha256)));
  }
  const rows = (await recipe.load({ file })).filter(({ at }) => before === null || at < Date.parse(before));
  const splits = await assignSplits(recipe, rows);
  const heldOut: HeldOut = {
    validation: encodeRows(recipe, thin.input, splits.validation),
    calibration: encodeRows(recipe, thin.input, splits.calibration),
    window: { from: day(splits.calibration[0]?.at), to: day(splits.calibration.at(-1)?.at) },
  };
  const raw = await addHead(blobs, weights);
  const network = await loadNetwork(
    await tfjsEngine(),
    { ...thin, head: { ...thin.head, blob: raw, temperature: 1 } },
    async (blob) => (blobs.get(blob.sha256) as Uint8Array<ArrayBuffer>).slice().buffer,
  );
  const embeddings = embedRows(network.backbone, heldOut.validation);
  const logits = Array.from({ length: heldOut.validation.rows }, (_, row) =>
    logitsOf(network.head, embeddings, row * thin.head.width),
  );
  network.backbone.release();
  blobs.delete(raw.sha256);
  const calibration = calibrate(logits, Array.from(heldOut.validation.labels), { centre: 0.2, deviation: 1 });
  const blob = await addHead(blobs, applyCalibration(weights, calibration));
  const packed = { input: thin.input, backbone: thin.backbone, head: { ...thin.head, blob, temperature: 1 } };
  const certified = await certify(recipe, packed, blobs, heldOut);
  const { version: _, parent: __, createdAt: ___, signature: ____, ...same } = manifest;
  const draft: ManifestDraft = {
    ...same,
    // The backbone is the same, and so is the step of its embeddings: regions keep their sums.
    thin: { ...certified.spec, backbone: thin.backbone },
    metrics: { ...manifest.metrics, thin: certified.metrics },
    trainedOn: { ...manifest.trainedOn, sources: { ...manifest.trainedOn.sources, [aggregatedSource]: labels } },
  };
  return { draft, blobs };
}

async function addHead(blobs: Blobs, weights: Float32Array) {
  const bytes = encodeHead({ weights, bias: new Float32Array() });
  const sha256 = await sha256Hex(bytes);
  blobs.set(sha256, bytes);
  return { sha256, bytes: bytes.byteLength };
}

function day(at = 0): string {
  return new Date(at).toISOString().slice(0, 10);
}
