import type { ClassifyManifest, NetworkSpec, SampleLine } from "#core/contract/index.ts";
import type { Recipe } from "../recipes/index.ts";
import { packRecipe, type StoredRecipe } from "../recipes/stored.ts";
import { type TrainedModel, type TrainOptions, trainOn, withRecipe } from "../train/index.ts";
import { withBins } from "../train/numbers.ts";
import type { Blobs } from "../train/pack.ts";
import { baseRows } from "../train/rows.ts";
import { readFrom } from "../train/score.ts";
import { assignSplits } from "../train/splits.ts";
import { compareVersions, type TrainingVerdict } from "./compare.ts";
import { mixSamples } from "./mix.ts";
import { unseenBy } from "./unseen.ts";

/** A published thin network with its blobs. */
export interface Published {
  spec: NetworkSpec;
  blobs: Blobs;
  /** What it was trained on, and how that was split. */
  trained: Pick<ClassifyManifest, "splits" | "trainedOn" | "labels" | "number">;
}

export interface LearnOptions extends TrainOptions {
  samples: Iterable<SampleLine>;
  /** The version that serves now; null when there is none. */
  current: Published | null;
  /** The recipe as the registry has it already; null to store it with the version. */
  stored: StoredRecipe | null;
}

/** A trained model, and whether it may replace the current version. */
export interface LearnResult {
  artefact: TrainedModel;
  /** Null where there is no version to compare with. */
  verdict: TrainingVerdict | null;
}

/** Trains a recipe on its own data and the regions' samples, and compares the result with the current version. */
export async function learn(
  given: Recipe,
  { samples, current, stored, ...options }: LearnOptions,
): Promise<LearnResult> {
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
