import { checkBlob } from "#core/artefacts.ts";
import type { ClassifyManifest, NetworkSpec } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { encodeAnchor } from "#core/head/anchor.ts";
import { quantise } from "#core/head/embedding.ts";
import { addRow, emptySums, encodeSums, labelWeightUnit } from "#core/head/sums.ts";
import { limits } from "#core/limits.ts";
import { loadNetwork } from "#core/model/network.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { type Dataset, embedRows } from "./dataset.ts";
import type { Blobs } from "./pack.ts";

/** What a version gives its regions to learn by. */
export type RegionalParts = Pick<ClassifyManifest, "anchor" | "prior">;

/** Packs the global sums over thin's training rows, and an anchor of held-out rows, as many of each class. */
export async function packRegionalParts(
  spec: NetworkSpec,
  blobs: Blobs,
  train: Dataset,
  heldOut: Dataset,
): Promise<RegionalParts> {
  const network = await loadNetwork(await tfjsEngine(), spec, async (blob) =>
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
  for (const [row, label] of train.labels.entries())
    addRow(sums, { vector: trained(row), label, weight: labelWeightUnit });
  const held = vectorsOf(heldOut);
  const chosen = anchorRows(heldOut.labels, classes);
  const anchor = encodeAnchor(
    chosen.map(held),
    chosen.map((row) => heldOut.labels[row] as number),
  );
  network.backbone.release();
  return {
    prior: { blob: await add(blobs, encodeSums(sums)) },
    anchor: chosen.length === 0 ? null : { blob: await add(blobs, anchor), rows: chosen.length },
  };
}

// As many of each class as there is room for: recall of a rare class needs rows of it.
function anchorRows(labels: Int32Array, classes: number): number[] {
  const perClass = Math.max(1, Math.floor(limits.anchorRows / classes));
  const taken = new Array<number>(classes).fill(0);
  return Array.from(labels.keys()).filter((row) => {
    const label = labels[row] as number;
    taken[label] = (taken[label] as number) + 1;
    return (taken[label] as number) <= perClass;
  });
}

async function add(blobs: Blobs, bytes: Uint8Array<ArrayBuffer>) {
  const sha256 = await sha256Hex(bytes);
  blobs.set(sha256, bytes);
  return { sha256, bytes: bytes.byteLength };
}
