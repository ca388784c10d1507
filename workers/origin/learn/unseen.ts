import { splitAt, splitText, usualCuts } from "#core/confidence/splits.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import type { Recipe } from "../recipes/index.ts";
import type { WeightedRow } from "../train/dataset.ts";
import { type RowsBySplit, unitOf } from "../train/splits.ts";

/** Held-out rows and the group key of each. */
export interface HeldOutRows {
  rows: WeightedRow[];
  groups: string[];
}

const dayMs = 24 * 3600_000;

/** Returns the validation rows that an earlier version was not trained on: it may have split the same rows elsewhere. */
export function unseenBy(
  recipe: Recipe,
  { splits, trainedOn }: Pick<ClassifyManifest, "splits" | "trainedOn">,
  { validation, groups }: RowsBySplit,
): HeldOutRows {
  const end = trainedOn.to === null ? Number.NEGATIVE_INFINITY : Date.parse(trainedOn.to) + dayMs;
  const wasTrained = (row: WeightedRow, group: string): boolean => {
    if (recipe.isTimed && row.at >= end) return false;
    const { key, cuts } = splits ?? { key: `recipe ${recipe.name} ${recipe.training.seed}`, cuts: usualCuts };
    // Versions that were trained earlier split each region's groups apart.
    const text = splits ? splitText(group) : `fold|${row.region}|${group}`;
    return splitAt(unitOf(key, text), cuts).split === "train";
  };
  const isUnseen = validation.map((row, i) => !wasTrained(row, groups.validation[i] as string));
  return {
    rows: validation.filter((_, i) => isUnseen[i]),
    groups: groups.validation.filter((_, i) => isUnseen[i]),
  };
}
