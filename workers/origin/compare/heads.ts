import { type ComparedQuestion, gate } from "#core/confidence/gate.ts";
import { trainFolds } from "#core/confidence/splits.ts";
import type { Reading } from "#core/contract/index.ts";
import { applyCalibration, calibrate } from "#core/head/calibration.ts";
import { dequantise, quantise } from "#core/head/embedding.ts";
import { softmax } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import { lossOf } from "#core/head/metrics.ts";
import { fitMix, mixHeads } from "#core/head/mix.ts";
import { continueFit, type LabelledRows, logitsOfRow, rowLogits, startFit } from "#core/head/softmax-fit.ts";
import type { Task } from "#core/task/index.ts";

/** Embeddings of a region's rows with their labels and groups. */
export interface RegionRows {
  /** Each [width]. */
  embeddings: readonly Float32Array[];
  labels: readonly Label[];
  groups: readonly string[];
}

/** What regions learn with. */
export interface RegionalSetting {
  /** The global head at temperature 1 [width + 1, classes]. */
  start: Float32Array;
  classes: number;
  task: Task;
  reading: Reading | undefined;
  /** The int16 step of embeddings. */
  step: number;
  targetRisk: number;
  /** A region with fewer labels keeps the global head. */
  minLabels: number;
}

/** Of every so many groups of a region one validates; the others train. */
const validationEvery = 4;

/**
 * Learns a region's head from labelled rows as a region does: a softmax head pulled towards the global one, calibrated, mixed
 * with it, and taken only if it passes the gate. Returns a head [width + 1, classes]; the global one where it learned nothing.
 */
export function learnHead(rows: RegionRows, setting: RegionalSetting): Float32Array {
  const { start, classes, task, reading, targetRisk, minLabels } = setting;
  if (rows.labels.length < minLabels) return start;
  const groups = [...new Set(rows.groups)].sort();
  const numbers = new Map(groups.map((group, i) => [group, i]));
  const numberOf = (row: number) => numbers.get(rows.groups[row] as string) as number;
  const all = [...rows.labels.keys()];
  const isValidation = (row: number) => numberOf(row) % validationEvery === 0;
  const part = (chosen: readonly number[]) => labelledRows(rows, chosen, setting, numberOf);
  const train = part(all.filter((row) => !isValidation(row)));
  const validation = part(all.filter(isValidation));
  if (train.rows === 0 || validation.rows === 0) return start;
  const data = { train, validation, start, classes };
  const { best, crossFitted } = continueFit(data, startFit(data), Number.POSITIVE_INFINITY);
  if (!best) return start;
  const calibration = calibrate(rowLogits(validation, best.weights, classes), validation.labels);
  const calibrated = (head: Float32Array) => applyCalibration(head, calibration);
  const [head, ...folds] = [best.weights, ...crossFitted].map(calibrated) as [Float32Array, ...Float32Array[]];
  const judged = [
    ...train.labels.map((_, row) => ({ rows: train, row, by: folds[train.folds[row] as number] as Float32Array })),
    ...validation.labels.map((_, row) => ({ rows: validation, row, by: head })),
  ];
  const logits = (by: (one: (typeof judged)[number]) => Float32Array) =>
    judged.map((one) => logitsOfRow(one.rows.inputs, one.row, by(one), classes));
  const labels = judged.map((one) => one.rows.labels[one.row] as Label);
  const groupKeys = judged.map((one) => one.rows.groupKeys[one.row] as string);
  const [global, regional] = [logits(() => start), logits(({ by }) => by)];
  const { weight } = fitMix({ labels, groupKeys, global, regional });
  const compared = judged.map((one, i): ComparedQuestion => {
    const label = labels[i] as Label;
    const current = softmax(global[i] as Float64Array, 1);
    const mixed = mixHeads(one.by, start, weight);
    const candidate = softmax(logitsOfRow(one.rows.inputs, one.row, mixed, classes), 1);
    return {
      cluster: groupKeys[i] as string,
      currentLoss: lossOf(current, label),
      candidateLoss: lossOf(candidate, label),
      current: task.grade(current, label, reading),
      candidate: task.grade(candidate, label, reading),
    };
  });
  return gate(compared, targetRisk).promoted ? mixHeads(head, start, weight) : start;
}

/** Computes the scores of an embedding [width] by a head [width + 1, classes]. */
export function headScores(
  embedding: Float32Array,
  head: Float32Array,
  { classes, step }: RegionalSetting,
): Float64Array {
  return softmax(logitsOfRow(withBias(embedding, step), 0, head, classes), 1);
}

function labelledRows(
  { embeddings, labels, groups }: RegionRows,
  chosen: readonly number[],
  { start, classes, step }: RegionalSetting,
  numberOf: (row: number) => number,
): LabelledRows {
  const width = start.length / classes;
  const inputs = new Float32Array(chosen.length * width);
  for (const [i, row] of chosen.entries()) inputs.set(withBias(embeddings[row] as Float32Array, step), i * width);
  return {
    rows: chosen.length,
    inputs,
    labels: chosen.map((row) => labels[row] as Label),
    weights: new Float32Array(chosen.length).fill(1),
    groupKeys: chosen.map((row) => groups[row] as string),
    folds: chosen.map((row) => numberOf(row) % trainFolds),
  };
}

// As a region stores an embedding: in int16.
function withBias(embedding: Float32Array, step: number): Float32Array {
  return Float32Array.from([...dequantise(quantise(embedding, step), step), 1]);
}
