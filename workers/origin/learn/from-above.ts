import type { Recipe } from "../recipes/index.ts";
import { packRecipe } from "../recipes/stored.ts";
import { trainFromAbove } from "../train/from-above.ts";
import { type TrainedModel, withRecipe } from "../train/index.ts";
import { readFrom } from "../train/score.ts";
import { assignSplits } from "../train/splits.ts";
import { untrainedModel } from "../train/untrained.ts";
import { compareVersions } from "./compare.ts";
import type { LearnOptions, LearnResult } from "./learning.ts";
import { mixSamples } from "./mix.ts";
import { unseenBy } from "./unseen.ts";

/** With fewer samples nothing is learned that would be accepted. */
const leastSamples = 100;
/** The scheduled trainings of a recipe without rows: the first with so many samples, each later one with so many times more. */
const scheduled = { first: 500, growth: 1.5 };

/** Creates the first version of a recipe without rows. It accepts nothing. */
export async function startingVersion(recipe: Recipe): Promise<TrainedModel> {
  return withRecipe(await untrainedModel(recipe), await packRecipe(recipe));
}

/**
 * Trains a recipe without rows on the regions' samples alone; its first version is untrained. Throws where there are too few
 * samples for a second.
 */
export async function learnFromAbove(
  recipe: Recipe,
  { samples, current, stored, before, ...options }: LearnOptions,
): Promise<LearnResult> {
  const rows = mixSamples(recipe, [], samples, before === undefined ? undefined : Date.parse(before));
  if (!current && rows.length < leastSamples) return { artefact: await startingVersion(recipe), verdict: null };
  if (rows.length < leastSamples) {
    throw new Error(
      `'${recipe.name}' has ${rows.length} answered questions to learn from; ${leastSamples} are needed. Ask more: the rung ` +
        "above answers them, and its answers train the next version.",
    );
  }
  const splits = assignSplits(recipe, rows);
  const packed = stored ? { recipe: stored, blobs: new Map() } : await packRecipe(recipe);
  const artefact = withRecipe(await trainFromAbove(recipe, splits, options), packed);
  if (!current) return { artefact, verdict: null };
  const candidate = { spec: artefact.draft.thin, read: readFrom(artefact.blobs) };
  const now = { spec: current.spec, read: readFrom(current.blobs) };
  return {
    artefact,
    verdict: await compareVersions(recipe, unseenBy(recipe, current.trained, splits), now, candidate),
  };
}

/** Returns how many samples a scheduled training of a recipe without rows waits for, after one on `trained` training rows. */
export function samplesWaitedFor(trained: number): number {
  const { first, growth } = scheduled;
  return Math.max(first, Math.ceil((growth * trained) / trainShare));
}

/** The share of samples that train, about. */
const trainShare = 0.8;
