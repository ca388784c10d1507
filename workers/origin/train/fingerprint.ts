import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs-core";
import type { NetworkForm, TrainingPlan } from "../recipes/index.ts";
import type { TrainingSet } from "./batches.ts";

const sampledRows = 1_000;
/**
 * Raise it whenever a change of the code gives other weights for the same seed, or changes what a checkpoint holds: then
 * trainings that began before start over instead of continuing with other mathematics. 2 since kernels of our own.
 */
const mathematics = 2;

/** Hashes everything that decides a training; of its code, the number of its mathematics. A checkpoint with another fingerprint cannot be continued. */
export function fingerprintOf(
  { data, teacher, classes, classWeights }: TrainingSet,
  { form, plan, isPruned }: { form: NetworkForm; plan: TrainingPlan; isPruned: boolean },
): string {
  const { kind, layers, members } = form;
  const facts = {
    mathematics,
    kind,
    layers,
    members,
    plan,
    classes,
    rows: data.rows,
    shapes: data.shapes,
    ...(data.buckets?.some((own) => own !== null) ? { buckets: data.buckets } : {}),
    backend: tf.getBackend(),
  };
  const hash = createHash("sha256").update(JSON.stringify({ ...facts, isPruned }));
  const numbers = Float64Array.from(data.soft ?? [], ({ value }) => value);
  const none = new Float32Array();
  for (const part of [data.labels, numbers, data.regions, data.weights, teacher ?? none, classWeights ?? none]) {
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  // Only a sample of the rows is hashed: all of them may not fit in memory.
  const step = Math.max(1, Math.floor(data.rows / sampledRows));
  for (let row = 0; row < data.rows; row += step) hash.update(new Uint8Array(data.values.read([row]).buffer));
  return hash.digest("hex");
}
