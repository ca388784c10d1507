import { createHash } from "node:crypto";
import { canonicalJson } from "#core/canonical.ts";
import type { SampleLine, Split } from "#core/contract/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { assignSplits, type RowsBySplit, type WeightedRow } from "../train/dataset.ts";

/** A labelled sample of a region. */
export type LabelledSample = Exclude<SampleLine, { forgotten: unknown }>;

/**
 * Mixes the recipe's own rows and the regions' samples into one training set. A sample keeps the split that its region
 * assigned; a sample that is one of the recipe's own rows replaces it. Labels that only the origin gave have the weight
 * that the policy sets, and are neither validated nor calibrated on. All of the recipe's own rows are always included, so
 * that nothing learned before is lost.
 * @param before data time, ms since 1970: samples that were asked or labelled later are left out
 */
export async function mixSamples(
  recipe: Recipe,
  base: readonly Row[],
  samples: Iterable<SampleLine>,
  before = Number.POSITIVE_INFINITY,
): Promise<RowsBySplit> {
  const known = new Map<string, LabelledSample>();
  for (const line of samples) {
    if (isUsable(recipe, line) && line.at < before && line.labelledAt <= before) known.set(keyOf(recipe, line), line);
  }
  const splits = await assignSplits(recipe, base);
  const trainedOn = replaceRows(recipe, splits, known);
  for (const sample of known.values()) splits[sample.split].push(rowOf(recipe, sample, trainedOn.has(sample)));
  for (const rows of Object.values(splits)) rows.sort((a, b) => a.at - b.at);
  return splits;
}

/** Removes the rows that a sample replaces; returns the samples whose row a version without samples was trained on. */
function replaceRows(
  recipe: Recipe,
  splits: RowsBySplit,
  samples: ReadonlyMap<string, LabelledSample>,
): Set<LabelledSample> {
  const trainedOn = new Set<LabelledSample>();
  if (samples.size === 0) return trainedOn;
  for (const [split, rows] of Object.entries(splits) as [Split, WeightedRow[]][]) {
    splits[split] = rows.filter((row) => {
      const sample = samples.get(keyOf(recipe, row));
      if (sample && split === "train") trainedOn.add(sample);
      return sample === undefined;
    });
  }
  return trainedOn;
}

function isUsable({ labels, policy }: Recipe, line: SampleLine): line is LabelledSample {
  if ("forgotten" in line || line.instance === null || !labels.includes(line.label)) return false;
  return line.source !== "origin" || (policy.originLabelWeight > 0 && line.split === "train");
}

function rowOf({ policy, sourceWeights }: Recipe, sample: LabelledSample, wasTrainedOn: boolean): WeightedRow {
  const { region, instance, label, at, source } = sample;
  const weight = source === "origin" ? policy.originLabelWeight : (sourceWeights?.[source] ?? 1);
  const row: WeightedRow = { region, instance: instance as Row["instance"], label, at, source, weight };
  return wasTrainedOn ? { ...row, seenBefore: true } : row;
}

// The same instance in the same region at the same time is the same question; where rows have no time, at any time.
function keyOf(
  { isTimed }: Pick<Recipe, "isTimed">,
  { region, at, instance }: Pick<Row, "region" | "at"> & { instance: unknown },
): string {
  return createHash("sha256")
    .update(`${region}|${isTimed ? at : ""}|${canonicalJson(instance)}`)
    .digest("base64");
}
