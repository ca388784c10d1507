import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerPlan, TrainingPlan } from "../recipes/index.ts";
import type { TrainingSet } from "./batches.ts";

const sampledRows = 1_000;

/** Hashes everything that decides a training besides its code. A checkpoint with another fingerprint cannot be continued. */
export function fingerprintOf(
  { data, teacher, classes }: TrainingSet,
  { layers, plan, isPruned }: { layers: readonly LayerPlan[]; plan: TrainingPlan; isPruned: boolean },
): string {
  const facts = { layers, plan, classes, rows: data.rows, shapes: data.shapes, backend: tf.getBackend() };
  const hash = createHash("sha256").update(JSON.stringify({ ...facts, isPruned }));
  const numbers = Float64Array.from(data.soft ?? [], ({ value }) => value);
  for (const part of [data.labels, numbers, data.regions, data.weights, teacher ?? new Float32Array()]) {
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  // Only a sample of the rows is hashed: all of them may not fit in memory.
  const step = Math.max(1, Math.floor(data.rows / sampledRows));
  for (let row = 0; row < data.rows; row += step) hash.update(new Uint8Array(data.values.read([row]).buffer));
  return hash.digest("hex");
}
