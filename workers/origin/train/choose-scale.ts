import { type NumberScale, numberScales } from "#core/contract/index.ts";
import type { Backend } from "../backend/index.ts";
import type { Recipe, TrainingPlan } from "../recipes/index.ts";
import { isScaleOpen, planInput } from "./columns.ts";
import { encodeRows } from "./dataset.ts";
import { fitNetwork } from "./fit.ts";
import { sampleRows } from "./rows.ts";
import { shareOf } from "./schedule.ts";
import type { RowsBySplit } from "./splits.ts";

/** The scale of a table's numbers, and the validation loss of a thin network with each. */
export interface ChosenScale {
  scale: NumberScale;
  losses: Partial<Record<NumberScale, number>>;
}

/** Rows that tell the scales apart, and the share of the plan's epochs that does. */
const sampledRows = 10_000;
const epochsShare = 0.5;
/** The share of the time left that the choice may take. */
const timeShare = 0.1;

export interface ScaleOptions {
  backend: Backend;
  /** When the whole training ends at the latest, ms since 1970. */
  until?: number | undefined;
  onProgress?: ((scale: NumberScale, share: number) => void) | undefined;
}

/**
 * Chooses how the numbers of a table are scaled where its recipe leaves it open: as the thin network, trained briefly with
 * each scale, has the lowest loss on validation rows. Null where there is nothing to choose.
 */
export async function chooseScale(
  recipe: Recipe,
  splits: RowsBySplit,
  { backend, until, onProgress }: ScaleOptions,
): Promise<ChosenScale | null> {
  const { input } = recipe.thin;
  if (!isScaleOpen(input)) return null;
  const train = sampleRows(splits.train, sampledRows);
  const validation = sampleRows(splits.validation, sampledRows);
  const whole: TrainingPlan = { ...recipe.training, ...recipe.thin.training };
  const plan = { ...whole, epochs: Math.ceil(whole.epochs * epochsShare), regionalHeads: null };
  const losses: ChosenScale["losses"] = {};
  const latest = until === undefined ? undefined : Date.now() + timeShare * Math.max(0, until - Date.now());
  await backend.use();
  for (const [i, scale] of numberScales.entries()) {
    const fitted = planInput(input, train, scale);
    const data = encodeRows(recipe, fitted, train);
    const held = encodeRows(recipe, fitted, validation);
    const set = { data, classes: recipe.labels.length, teacher: null, classWeights: null };
    const { network, validationLoss } = await fitNetwork(set, held, {
      ...{ form: recipe.thin, plan, name: `scale-${scale}` },
      until: shareOf(latest, numberScales.length - i),
      onProgress: ({ epoch, epochs, share }) =>
        onProgress?.(scale, (i + (epoch - 1 + share) / epochs) / numberScales.length),
    });
    network.dispose();
    for (const { values } of [data, held]) values.release();
    losses[scale] = validationLoss;
  }
  const [best] = numberScales.toSorted((a, b) => (losses[a] as number) - (losses[b] as number));
  return { scale: best as NumberScale, losses };
}
