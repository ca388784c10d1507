import { createHash } from "node:crypto";
import { canonicalJson } from "#core/canonical.ts";
import { untrustedLimits, withinLimits } from "#core/confidence/trust.ts";
import type { SampleLine } from "#core/contract/index.ts";
import { numberOf } from "#core/input/columns.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import type { WeightedRow } from "../train/dataset.ts";
import { rowId } from "../train/splits.ts";

/** A labelled sample of a region. */
export type LabelledSample = Exclude<SampleLine, { forgotten: unknown }>;

/**
 * Mixes the recipe's own rows and the regions' samples, in time order. A sample that is one of the recipe's own rows
 * replaces it and keeps its place. Labels that only the origin gave have the weight that the policy sets. All other rows of
 * the recipe are always included, so that nothing learned before is lost. Labels of tokens that are not trusted replace
 * nothing, and are few: the limits of a region hold for all regions together as well.
 * @param before data time, ms since 1970: samples that were asked or labelled later are left out
 */
export function mixSamples(
  recipe: Recipe,
  base: readonly Row[],
  samples: Iterable<SampleLine>,
  before = Number.POSITIVE_INFINITY,
): WeightedRow[] {
  const known = new Map<string, LabelledSample>();
  const untrusted: LabelledSample[] = [];
  for (const line of samples) {
    if (!isUsable(recipe, line) || line.at >= before || line.labelledAt > before) continue;
    if (line.trusted === false) untrusted.push(line);
    else known.set(keyOf(recipe, line), line);
  }
  if (known.size === 0 && untrusted.length === 0) return [...base];
  const replaced = new Set<LabelledSample>();
  const rows = base.flatMap((row, i): WeightedRow[] => {
    const sample = known.get(keyOf(recipe, row));
    if (!sample) return [named(recipe, row, i)];
    if (replaced.has(sample)) return [];
    replaced.add(sample);
    return [{ ...rowOf(recipe, sample), id: rowId(recipe, i) }];
  });
  const added = [...known.values()].filter((sample) => !replaced.has(sample)).map((sample) => rowOf(recipe, sample));
  const trusted = [...rows, ...added];
  return [...trusted, ...fewOf(recipe, untrusted, { base, known, trusted })].sort((a, b) => a.at - b.at);
}

/** Chooses the untrusted labels that train: of questions that no trusted label answers, the first ones within the limits. */
function fewOf(
  recipe: Recipe,
  untrusted: readonly LabelledSample[],
  {
    base,
    known,
    trusted,
  }: { base: readonly Row[]; known: ReadonlyMap<string, LabelledSample>; trusted: readonly WeightedRow[] },
): WeightedRow[] {
  if (untrusted.length === 0) return [];
  const answered = new Set([...known.keys(), ...base.map((row) => keyOf(recipe, row))]);
  const inOrder = untrusted
    .toSorted((a, b) => a.labelledAt - b.labelledAt || (a.id < b.id ? -1 : 1))
    .filter((sample) => {
      const key = keyOf(recipe, sample);
      const isFirst = !answered.has(key);
      answered.add(key);
      return isFirst;
    });
  const evidence = trusted.filter(({ source }) => source !== "origin").length;
  const few = withinLimits(inOrder, ({ labelledBy, owner }) => labelledBy ?? owner ?? "", untrustedLimits(evidence));
  // What a rung above said of them is left out: their labels would calibrate it.
  return few.map((sample) => {
    const { above: _, ...row } = rowOf(recipe, sample);
    return { ...row, isUntrusted: true };
  });
}

// A row's place is its name, where that is its group key. The instance may be computed at each read, so it is not copied.
function named(recipe: Recipe, row: Row, place: number): WeightedRow {
  if (recipe.policy.groupBy.by !== "question") return row;
  return Object.create(row, { id: { value: rowId(recipe, place), enumerable: true } });
}

function isUsable({ labels, numbers, policy }: Recipe, line: SampleLine): line is LabelledSample {
  if ("forgotten" in line || line.instance === null) return false;
  if (numbers ? numberOf(line.label) === null : !labels.includes(line.label)) return false;
  return line.source !== "origin" || policy.originLabelWeight > 0;
}

function rowOf({ policy, sourceWeights }: Recipe, { id, ...sample }: LabelledSample): WeightedRow {
  const { region, instance, label, at, source } = sample;
  const weight = source === "origin" ? policy.originLabelWeight : (sourceWeights?.[source] ?? 1);
  const { above, inclusionProbability, labelledBy } = sample;
  const row = { id, region, instance: instance as Row["instance"], label, at, source, weight };
  return {
    ...row,
    ...(above ? { above } : {}),
    ...(labelledBy ? { labelledBy } : {}),
    ...(inclusionProbability === null ? {} : { inclusionProbability }),
  };
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
