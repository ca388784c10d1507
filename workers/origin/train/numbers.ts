import type { NumberTask } from "#core/contract/index.ts";
import { binNames, fitBins } from "#core/regress/fit-bins.ts";
import type { NumberPlan, Recipe, Row } from "../recipes/index.ts";

/** The bins of a version of a model of numbers, and their names. */
export interface KnownBins {
  labels: string[];
  number?: NumberTask | undefined;
}

/**
 * Returns a recipe whose numbers have bins: those that are known, else bins fitted on the training rows. Others stay as
 * they are. A later version keeps the bins of the one before, so that losses and scores of both mean the same.
 */
export function withBins(recipe: Recipe, train: readonly Row[], known: KnownBins | null = null): Recipe {
  const { numbers } = recipe;
  if (!numbers || recipe.number) return recipe;
  if (known?.number) return { ...recipe, labels: known.labels, number: numberTask(numbers, known.number.bins) };
  try {
    const bins = fitBins(
      train.map(({ label }) => Number(label)),
      numbers.bins === undefined ? {} : { bins: numbers.bins },
    );
    return { ...recipe, labels: binNames(bins), number: numberTask(numbers, bins) };
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const column = columnOf(recipe);
    throw new Error(
      `'${column}' has the same number in all ${train.length} training rows of '${recipe.name}'. There is nothing to ` +
        "predict: choose another label, or add rows.",
      { cause },
    );
  }
}

function numberTask({ tolerance, coverage, unit }: NumberPlan, bins: NumberTask["bins"]): NumberTask {
  return { bins, tolerance, coverage, ...(unit === undefined ? {} : { unit }) };
}

function columnOf({ document: { label } }: Recipe): string {
  return typeof label === "string" ? label : label.column;
}
