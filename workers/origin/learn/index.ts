import type { Recipe } from "../recipes/index.ts";
import { packRecipe } from "../recipes/stored.ts";
import { isWithoutRows } from "../recipes/without-rows.ts";
import { trainOn, withRecipe } from "../train/index.ts";
import { withBins } from "../train/numbers.ts";
import { baseRows } from "../train/rows.ts";
import { readFrom } from "../train/score.ts";
import { assignSplits } from "../train/splits.ts";
import { compareVersions } from "./compare.ts";
import { learnFromAbove } from "./from-above.ts";
import type { LearnOptions, LearnResult } from "./learning.ts";
import { mixSamples } from "./mix.ts";
import { unseenBy } from "./unseen.ts";

export type { LearnOptions, LearnResult, Published } from "./learning.ts";

/** Trains a recipe on its own data and the regions' samples, and compares the result with the current version. */
export async function learn(given: Recipe, learning: LearnOptions): Promise<LearnResult> {
  if (isWithoutRows(given.document)) return learnFromAbove(given, learning);
  const { samples, current, stored, ...options } = learning;
  const { before, file } = options;
  const recipe = current ? withBins(given, [], current.trained) : given;
  const base = await baseRows(recipe, { before: earlier(before, recipe.trainBefore), file });
  const rows = mixSamples(recipe, base, samples, before === undefined ? undefined : Date.parse(before));
  const splits = assignSplits(recipe, rows);
  const packed = stored ? { recipe: stored, blobs: new Map() } : await packRecipe(recipe, file);
  const artefact = withRecipe(await trainOn(recipe, splits, options), packed);
  // A version that predicts something else compares with nothing.
  if (!current || !current.trained.number !== !recipe.numbers) return { artefact, verdict: null };
  const candidate = { spec: artefact.draft.thin, read: readFrom(artefact.blobs) };
  const unseen = unseenBy(recipe, current.trained, splits);
  const verdict = await compareVersions(
    withBins(recipe, [], artefact.draft),
    unseen,
    { spec: current.spec, read: readFrom(current.blobs) },
    candidate,
  );
  return { artefact, verdict };
}

function earlier(one: string | undefined, other: string | null): string | undefined {
  if (one === undefined || other === null) return one ?? other ?? undefined;
  return one < other ? one : other;
}
