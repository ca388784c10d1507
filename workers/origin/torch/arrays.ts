import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTarget } from "#core/head/label.ts";
import { blocksOf, type Dataset, labelAt } from "../train/dataset.ts";
import { writeNpy } from "./npy.ts";

const completeFile = "complete";
const sampledRows = 1_000;

/**
 * Writes a dataset's arrays into a folder named by its content, unless they are there: several networks train on the same
 * rows. Returns the folder's name.
 */
export async function writeDataset(root: string, data: Dataset, classes: number): Promise<string> {
  const name = `rows-${hashOf(data, classes)}`;
  const folder = join(root, name);
  if (existsSync(join(folder, completeFile))) return name;
  await mkdir(folder, { recursive: true });
  const { rows, values, labels, regions, weights } = data;
  await writeNpy(
    join(folder, "values.npy"),
    [rows, values.width],
    blocks(rows, (indexes) => values.read(indexes)),
  );
  if (data.soft) {
    const targets = blocks(rows, (indexes) => targetsOf(data, indexes, classes));
    await writeNpy(join(folder, "targets.npy"), [rows, classes], targets);
  }
  await writeNpy(join(folder, "labels.npy"), [rows], [labels]);
  await writeNpy(join(folder, "regions.npy"), [rows], [regions]);
  await writeNpy(join(folder, "weights.npy"), [rows], [weights]);
  // Written last: where it is, everything else is.
  await writeFile(join(folder, completeFile), "");
  return name;
}

function* blocks(rows: number, read: (indexes: Int32Array) => Float32Array): Generator<Float32Array> {
  for (const indexes of blocksOf(rows)) yield read(indexes);
}

function targetsOf(data: Dataset, indexes: Int32Array, classes: number): Float32Array {
  const targets = new Float32Array(indexes.length * classes);
  for (const [i, row] of indexes.entries()) setTarget(targets, i * classes, labelAt(data, row));
  return targets;
}

function hashOf({ rows, shapes, values, labels, soft, regions, weights }: Dataset, classes: number): string {
  const hash = createHash("sha256").update(JSON.stringify({ rows, shapes, classes }));
  const numbers = Float64Array.from(soft ?? [], ({ value }) => value);
  for (const part of [labels, numbers, regions, weights]) {
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  // As a checkpoint's fingerprint: only a sample of the rows is hashed.
  const step = Math.max(1, Math.floor(rows / sampledRows));
  for (let row = 0; row < rows; row += step) hash.update(new Uint8Array(values.read([row]).buffer));
  return hash.digest("hex").slice(0, 16);
}
