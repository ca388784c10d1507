import type { GroupedAnswer } from "#core/confidence/rule.ts";
import type { Metrics, Reading } from "#core/contract/index.ts";
import { argMax, softmax } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import { sparseConfusionOf } from "#core/head/metrics.ts";
import { fitTemperature } from "#core/head/temperature.ts";
import { fitReach, fitWithin } from "#core/regress/fit-reading.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe } from "../recipes/index.ts";

/** How a network's logits become answers: the temperature, and of numbers how the scores are read. */
export interface Calibration {
  temperature: number;
  reading?: Reading;
}

/** Logits of held-out rows, with the label and the group key of each. */
export interface HeldOutLogits {
  logits: Float64Array[];
  labels: Label[];
  groups: string[];
}

/** Fits a calibration on rows, without intervals. */
export function fitCalibration({ number }: Recipe, { logits, labels }: Omit<HeldOutLogits, "groups">): Calibration {
  const temperature = fitTemperature(logits, labels);
  if (!number) return { temperature };
  const scores = logits.map((row) => softmax(row, temperature));
  return { temperature, reading: { within: fitWithin(number, { scores, labels }), reach: null } };
}

/** Adds intervals, by rows that nothing else was fitted on. */
export function withIntervals({ number }: Recipe, calibration: Calibration, rows: HeldOutLogits): Calibration {
  const { temperature, reading } = calibration;
  if (!number || !reading) return calibration;
  const scores = rows.logits.map((row) => softmax(row, temperature));
  return { temperature, reading: { ...reading, reach: fitReach(number, { ...rows, scores }) } };
}

/** Grades rows, each by a calibration. */
export function gradedBy(
  recipe: Recipe,
  { logits, labels, groups }: HeldOutLogits,
  calibrationOf: (row: number) => Calibration,
): GroupedAnswer[] {
  const task = taskOf(recipe);
  return logits.map((own, row) => {
    const { temperature, reading } = calibrationOf(row);
    const answer = task.score(softmax(own, temperature), labels[row] as Label, reading);
    return { ...answer, group: groups[row] as string };
  });
}

/** Scored rows with their labels. */
interface Judged {
  scores: readonly Float64Array[];
  labels: readonly Label[];
}

/** Evaluates rows. Intervals are judged on the latest rows, since the calibration rows have set them. */
export function evaluated(recipe: Recipe, reading: Reading | undefined, judged: Judged, latest: Judged): Metrics {
  const task = taskOf(recipe);
  const metrics = task.evaluate(judged.scores, judged.labels, reading);
  if (!metrics.number) {
    const confusion = sparseConfusionOf(judged.scores.map(argMax), judged.labels as number[]);
    return { ...metrics, confusion };
  }
  const onLatest = latest.scores.length > 0 ? task.evaluate(latest.scores, latest.labels, reading).number : undefined;
  return { ...metrics, number: { ...metrics.number, interval: onLatest?.interval ?? null } };
}
