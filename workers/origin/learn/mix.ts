import { createHash } from "node:crypto";
import { canonicalJson } from "#core/canonical.ts";
import type { SampleLine } from "#core/contract/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { assignSplits, type RowsBySplit, type WeightedRow } from "../train/dataset.ts";

/** A labelled sample of a region. */
export type LabelledSample = Exclude<SampleLine, { forgotten: unknown }>;

/**
 * The recipe's own rows and the regions' samples in one training set, dealt into splits. A sample's split is the one its
 * region dealt, everywhere; a sample that is one of the recipe's own rows takes its place. Labels that only the origin
 * gave weigh what the policy says and neither judge nor certify; all of the recipe's own rows are always there, so that
 * nothing known is forgotten.
 * @param before data time, ms since 1970: what was asked or labelled later is not known yet
 */
export async function mixSamples(
  recipe: Recipe,
  base: readonly Row[],
  samples: Iterable<SampleLine>,
  before = Number.POSITIVE_INFINITY,
): Promise<RowsBySplit> {
  const known = new Map<string, LabelledSample>();
  for (const line of samples) {
    if (isUsable(recipe, line) && line.at < before && line.labelledAt <= before) known.set(keyOf(line), line);
  }
  const splits = await assignSplits(recipe, base);
  for (const split of ["train", "validation", "calibration"] as const) {
    splits[split] = splits[split].filter((row) => {
      const sample = known.size > 0 ? known.get(keyOf(row)) : undefined;
      if (sample && split === "train") seenBefore.add(sample);
      return sample === undefined;
    });
  }
  for (const sample of known.values()) splits[sample.split].push(rowOf(recipe, sample));
  for (const rows of Object.values(splits)) rows.sort((a, b) => a.at - b.at);
  return splits;
}

// Samples on which a version that knew the recipe's own rows alone was trained.
const seenBefore = new WeakSet<LabelledSample>();

function isUsable({ labels, policy }: Recipe, line: SampleLine): line is LabelledSample {
  if ("forgotten" in line || line.instance === null || !labels.includes(line.label)) return false;
  return line.source !== "origin" || (policy.originLabelWeight > 0 && line.split === "train");
}

function rowOf({ policy, sourceWeights }: Recipe, sample: LabelledSample): WeightedRow {
  const { region, instance, label, at, source } = sample;
  const weight = source === "origin" ? policy.originLabelWeight : (sourceWeights?.[source] ?? 1);
  const row: WeightedRow = { region, instance: instance as Row["instance"], label, at, source, weight };
  if (seenBefore.has(sample)) row.seenBefore = true;
  return row;
}

// The same instance in the same place at the same time is the same question.
function keyOf({ region, at, instance }: Pick<Row, "region" | "at"> & { instance: unknown }): string {
  return createHash("sha256")
    .update(`${region}|${at}|${canonicalJson(instance)}`)
    .digest("base64");
}
