import type { UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { daysOf } from "./days.ts";
import { scoreOnce } from "./once.ts";
import { type ReplayReport, reportOf } from "./report.ts";
import type { Retrained } from "./retrained-thread.ts";
import { type OnProgress, walk } from "./walk.ts";

export interface PlayOptions {
  from: number;
  to: number;
  /** The first time that is taught of what is before `from`; all of it unless given. */
  teachFrom?: number;
  /** Whether the origin learns from the regions at every turn of a year. */
  learnsAbove?: boolean;
  onProgress: OnProgress;
  /** Starts the control that takes minutes, beside the play; it is left out unless given. */
  startRetrained?: () => Retrained;
}

/** Plays a recipe's rows through the running ladder in time order, and reports how it did, heads and controls alike. */
export async function play(
  client: UpriverClient,
  recipe: Recipe,
  rows: readonly Row[],
  options: PlayOptions,
): Promise<ReplayReport> {
  const { from, teachFrom = Number.NEGATIVE_INFINITY, learnsAbove = false, onProgress, startRetrained } = options;
  const startedAt = Date.now();
  const days = daysOf(rows, options);
  if (days.length === 0) throw new Error(`Error in replay: recipe '${recipe.name}' has no rows from --from to --to`);
  const { pointer } = await client.model(recipe.name);
  const manifest = classifying(await client.manifest(recipe.name, pointer.stable ?? undefined));
  const control = startRetrained?.();
  try {
    const history = rows.filter(({ at }) => at >= teachFrom && at < from);
    const retrainEveryMs = manifest.policy.retrainEverySeconds * 1_000;
    const walked = await walk(client, recipe, history, days, { from, retrainEveryMs, learnsAbove, onProgress });
    const { played, firstHeads, looks, retrains, origin } = walked;
    const leftOut: ReplayReport["leftOut"] = {};
    if (firstHeads) {
      const asked = days.flatMap((day) => day.rows);
      played.scores.once = await scoreOnce(client, recipe, manifest, asked, firstHeads);
    } else leftOut.once = "no region had a head of its own after the first retrain";
    if (control) played.scores.retrained = await control.scores;
    else leftOut.retrained = "it was not asked for";
    const { targetRisk } = manifest.thin.rule;
    const seconds = (Date.now() - startedAt) / 1_000;
    return reportOf(played, { model: recipe.name, targetRisk, looks, retrains, origin, leftOut, seconds });
  } finally {
    await control?.stop();
  }
}
