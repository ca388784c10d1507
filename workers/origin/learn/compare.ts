import { type ComparedQuestion, type GateReport, gate } from "#core/confidence/gate.ts";
import type { NetworkSpec } from "#core/contract/index.ts";
import type { Label } from "#core/head/label.ts";
import { lossOf } from "#core/head/metrics.ts";
import type { ReadBlob } from "#core/model/network.ts";
import { own } from "#core/own.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe } from "../recipes/index.ts";
import { encodeRows, type WeightedRow } from "../train/dataset.ts";
import { scoreDataset } from "../train/score.ts";
import type { HeldOutRows } from "./unseen.ts";

/** The gate's decision on a new global version, and its comparison with the current one by region. */
export interface TrainingVerdict extends GateReport {
  /** Mean difference in log-loss, candidate − current, and the number of rows. */
  byRegion: Record<string, { rows: number; difference: number }>;
}

/** A thin network and how to read its blobs. */
export interface NetworkSource {
  spec: NetworkSpec;
  read: ReadBlob;
}

/**
 * Compares a new thin network with the current one, each with its own input and global head, on held-out rows that neither
 * was trained on, in their groups. They cover every region that has labels. The candidate passes when it is better and not worse
 * by more than a margin with confidence, even if the gain is not significant: its canary judges it again.
 */
export async function compareVersions(
  recipe: Recipe,
  { rows, groups }: HeldOutRows,
  current: NetworkSource,
  candidate: NetworkSource,
  currentName = "the version in use",
): Promise<TrainingVerdict> {
  const now = await scoreAll(recipe, current, rows);
  const next = await scoreAll(recipe, candidate, rows);
  const task = taskOf(recipe);
  const compared = rows.map((row, i): ComparedQuestion => {
    const label = task.labelOf(row.label) as Label;
    const [currentScores, candidateScores] = [now[i] as Float64Array, next[i] as Float64Array];
    return {
      cluster: groups[i] as string,
      currentLoss: lossOf(currentScores, label),
      candidateLoss: lossOf(candidateScores, label),
      current: task.grade(currentScores, label, current.spec.reading),
      candidate: task.grade(candidateScores, label, candidate.spec.reading),
    };
  });
  return { ...gate(compared, recipe.targetRisk, currentName), byRegion: byRegion(rows, compared) };
}

/** Returns the share of rows that a network answers right. */
export async function accuracyOn(recipe: Recipe, source: NetworkSource, rows: readonly WeightedRow[]): Promise<number> {
  const task = taskOf(recipe);
  const labels = rows.map(({ label }) => task.labelOf(label) as Label);
  return task.evaluate(await scoreAll(recipe, source, rows), labels, source.spec.reading).accuracy;
}

function scoreAll(
  recipe: Recipe,
  { spec, read }: NetworkSource,
  rows: readonly WeightedRow[],
): Promise<Float64Array[]> {
  return scoreDataset(spec, read, encodeRows(recipe, spec.input, rows));
}

function byRegion(rows: readonly WeightedRow[], compared: readonly ComparedQuestion[]): TrainingVerdict["byRegion"] {
  const found: TrainingVerdict["byRegion"] = {};
  for (const [i, { region }] of rows.entries()) {
    const ofRegion = own(found, region) ?? { rows: 0, difference: 0 };
    found[region] = ofRegion;
    const { candidateLoss, currentLoss } = compared[i] as ComparedQuestion;
    ofRegion.rows++;
    ofRegion.difference += (candidateLoss - currentLoss - ofRegion.difference) / ofRegion.rows;
  }
  return found;
}
