import type { UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { type KnownBins, withBins } from "#origin/train/numbers.ts";
import { checkChoice, summariseChoice } from "./choice.ts";
import { daysOf } from "./days.ts";
import { scoreOnce } from "./once.ts";
import { allRows } from "./played.ts";
import { type ReplayReport, reportOf } from "./report.ts";
import type { Retrained } from "./retrained-thread.ts";
import { type Stock, stockOf } from "./stock.ts";
import { askAlone, type OnProgress, type WalkSaves, walk } from "./walk.ts";

export interface PlayOptions {
  from: number;
  to: number;
  /** Start of the data before `from` that is taught; all of it by default. */
  teachFrom?: number;
  /** Whether the origin trains on the regions' samples at the start of each year. */
  learnsAbove?: boolean;
  /** How many labels each region stocks: the candidates of its questions. All labels unless given. */
  candidates?: number | undefined;
  onProgress: OnProgress;
  /** Days until the label of a question is known; the recipe's unless given. */
  labelDelayDays?: number;
  /** Where an interrupted replay goes on. */
  saves?: WalkSaves | undefined;
  saveEveryMs?: number;
  /** Starts the control that takes minutes, in parallel; it is left out by default. */
  startRetrained?: (served: KnownBins) => Retrained;
}

/** Replays a recipe's rows through the running ladder in time order, and reports on ladder, heads and controls. */
export async function play(
  client: UpriverClient,
  given: Recipe,
  rows: readonly Row[],
  options: PlayOptions,
): Promise<ReplayReport> {
  const { from, teachFrom = Number.NEGATIVE_INFINITY, learnsAbove = false, onProgress, startRetrained } = options;
  const { candidates: count } = options;
  const startedAt = Date.now();
  const days = daysOf(rows, options);
  if (days.length === 0)
    throw new Error(`Recipe '${given.name}' has no rows from --from to --to. Choose days within its data.`);
  const { pointer } = await client.model(given.name);
  const manifest = classifying(await client.manifest(given.name, pointer.stable ?? undefined));
  // Scores mean the bins of the version that serves; later versions keep them.
  const recipe = withBins(given, [], manifest);
  const { labels } = recipe;
  const control = startRetrained?.(manifest);
  try {
    const history = rows.filter(({ at }) => at >= teachFrom && at < from);
    const retrainEveryMs = manifest.policy.retrainEverySeconds * 1_000;
    const { labelDelayDays = recipe.labelDelayDays, saves, saveEveryMs } = options;
    const stock = count === undefined ? undefined : stockOf(rows, labels, from, count);
    const walked = await walk(client, recipe, history, days, {
      ...{ stock, from, retrainEveryMs, labelDelayDays, learnsAbove, onProgress, saves, saveEveryMs },
    });
    const { played, firstHeads, looks, retrains, retrainedAt, origin } = walked;
    const asked = days.flatMap((day) => day.rows);
    const leftOut: ReplayReport["leftOut"] = {};
    if (firstHeads) {
      played.scores.once = await scoreOnce(client, recipe, manifest, asked, firstHeads);
    } else leftOut.once = "no region had its own head after the first retrain";
    if (control) played.scores.retrained = await control.scores;
    else leftOut.retrained = leftOutReason(recipe, options);
    const choice = async (of: Stock) => {
      // The present heads have scored the questions since the last retrain.
      const latest = allRows(played).filter((row) => (played.at[row] as number) >= retrainedAt);
      const alone = await askAlone(client, recipe, asked, latest, onProgress);
      const states = await client.regions(recipe.name, { fresh: true });
      return {
        ...{ count: count as number, ...summariseChoice(played, allRows(played), { labels, stock: of }) },
        check: checkChoice(played, alone, { manifest, states, stock: of }),
      };
    };
    const { targetRisk } = manifest.thin.rule;
    const seconds = (Date.now() - startedAt) / 1_000;
    const { isTimed } = recipe;
    return reportOf(played, {
      ...{ model: recipe.name, isTimed, targetRisk, looks, retrains, origin, leftOut, seconds },
      ...(stock ? { choice: await choice(stock) } : {}),
    });
  } finally {
    await control?.stop();
  }
}

function leftOutReason({ isTimed }: Recipe, { candidates }: PlayOptions): string {
  if (!isTimed) return "the rows have no time";
  return candidates === undefined ? "--no-controls" : "--candidates";
}
