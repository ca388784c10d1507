import { ownThinKinds } from "#core/contract/index.ts";
import type { Recipe } from "../recipes/index.ts";
import { packRecipe } from "../recipes/stored.ts";
import { isWithoutRows } from "../recipes/without-rows.ts";
import { type TrainedModel, trainOn, withRecipe } from "../train/index.ts";
import { withBins } from "../train/numbers.ts";
import { laterFault } from "../train/own-thins.ts";
import { baseRows } from "../train/rows.ts";
import { readFrom } from "../train/score.ts";
import { assignSplits } from "../train/splits.ts";
import { compareVersions } from "./compare.ts";
import { learnFromAbove } from "./from-above.ts";
import type { LearnOptions, LearnResult, Published } from "./learning.ts";
import { mixSamples } from "./mix.ts";
import { type HeldOutRows, unseenBy } from "./unseen.ts";

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
  const binned = withBins(recipe, [], artefact.draft);
  const verdict = await compareVersions(
    binned,
    unseen,
    { spec: current.spec, read: readFrom(current.blobs) },
    candidate,
  );
  await dropWorseThins(binned, unseen, current, artefact);
  const missing = (artefact.result.thins ?? []).filter(({ promoted }) => !promoted);
  const without = missing.map(({ kind, reason }) => `; without a thin of kind '${kind}': ${reason}`);
  return { artefact, verdict: { ...verdict, reason: verdict.reason + without.join("") } };
}

/** Takes out of a version the thin networks of other kinds of rungs that may be worse than those in use. */
async function dropWorseThins(
  recipe: Recipe,
  unseen: HeldOutRows,
  current: Published,
  { draft, blobs, result }: TrainedModel,
): Promise<void> {
  for (const kind of ownThinKinds) {
    const [now, next] = [current.own?.[kind], draft.thins?.[kind]];
    if (!now || !next) continue;
    const candidate = { spec: next.network, read: readFrom(blobs) };
    const fault = await laterFault(recipe, unseen, { spec: now, read: readFrom(current.blobs) }, candidate);
    if (fault === null) continue;
    const { [kind]: _, ...others } = draft.thins ?? {};
    if (Object.keys(others).length > 0) draft.thins = others;
    else delete draft.thins;
    const change = { promoted: false, reason: fault };
    result.thins = (result.thins ?? []).map((one) => (one.kind === kind ? { ...one, ...change } : one));
  }
}

function earlier(one: string | undefined, other: string | null): string | undefined {
  if (one === undefined || other === null) return one ?? other ?? undefined;
  return one < other ? one : other;
}
