import type { Metrics } from "#core/contract/index.ts";
import { percent, withinText } from "#core/format.ts";
import type { ManifestDraft } from "#origin/train/index.ts";

/** Names the figures of a task that `figuresOf` gives. */
export function figureNames({ number }: Pick<ManifestDraft, "number">): string[] {
  if (!number) return ["AUC", "accuracy"];
  return ["MAE", "RMSE", withinText(number), `${percent(number.coverage)} interval covers`];
}

/** Writes the figures of a network: of a classifier AUC and accuracy, of numbers their errors. */
export function figuresOf({ auc, accuracy, number }: Metrics): string[] {
  if (!number) return [auc?.toFixed(4) ?? "–", percent(accuracy)];
  const { mae, rmse, interval } = number;
  return [mae.toPrecision(4), rmse.toPrecision(4), percent(accuracy), interval ? percent(interval.coverage) : "–"];
}
