import { checkBlob } from "#core/artefacts.ts";
import type { ClassifyManifest, NetworkSpec } from "#core/contract/index.ts";
import { encodeAnchor } from "#core/head/anchor.ts";
import { quantise } from "#core/head/embedding.ts";
import { addRow, emptySums, encodeSums, labelWeightUnit } from "#core/head/sums.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { type Dataset, embedRows, labelAt } from "./dataset.ts";
import { addBlob, type Blobs } from "./pack.ts";

const anchorRows = 512;

/** The parts of a version that its regions learn with. */
export type RegionalParts = Pick<ClassifyManifest, "anchor" | "prior">;

/** Packs the global sums over thin's training rows and, of classes, an anchor: held-out rows, the same number of each class. */
export async function packRegionalParts(
  spec: NetworkSpec,
  blobs: Blobs,
  train: Dataset,
  heldOut: Dataset,
): Promise<RegionalParts> {
  const network = await loadNetwork(servingEngine, spec, async (blob) =>
    checkBlob(blob, blobs.get(blob.sha256)?.buffer ?? null),
  );
  const { width, classes } = spec.head;
  const { step } = spec.backbone.embedding;
  const vectorsOf = (data: Dataset) => {
    const embeddings = embedRows(network.backbone, data);
    return (row: number) => quantise(embeddings.subarray(row * width, (row + 1) * width), step);
  };
  const sums = emptySums(width, classes);
  const trained = vectorsOf(train);
  for (let row = 0; row < train.rows; row++)
    addRow(sums, { vector: trained(row), label: labelAt(train, row), weight: labelWeightUnit });
  const held = vectorsOf(heldOut);
  // Recall of a bin says nothing about numbers: the prior alone keeps their heads from forgetting.
  const indexes = train.soft ? [] : anchorIndexes(heldOut.labels, classes);
  const anchor = encodeAnchor(
    indexes.map(held),
    indexes.map((row) => heldOut.labels[row] as number),
  );
  network.backbone.release();
  return {
    prior: { blob: await addBlob(blobs, encodeSums(sums)) },
    anchor: indexes.length === 0 ? null : { blob: await addBlob(blobs, anchor), rows: indexes.length },
  };
}

// The same number of each class: the recall of a rare class can only be measured on rows of it.
function anchorIndexes(labels: Int32Array, classes: number): number[] {
  const perClass = Math.max(1, Math.floor(anchorRows / classes));
  const taken = new Array<number>(classes).fill(0);
  return Array.from(labels.keys()).filter((row) => {
    const label = labels[row] as number;
    taken[label] = (taken[label] as number) + 1;
    return (taken[label] as number) <= perClass;
  });
}
