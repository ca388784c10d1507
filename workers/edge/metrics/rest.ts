import { addTotals, countsByBase, type RegionTotals, totalsOf } from "#core/region-totals.ts";
import type { Look, ModelLook } from "./look.ts";

/** A model with the totals of the regions that are not shown one by one. */
export interface LookedRest extends ModelLook {
  rest: RegionTotals;
}

export type LookWithRest = Omit<Look, "models"> & { models: LookedRest[] };

/** Adds to each model of a look the totals without the regions that are shown one by one. */
export function withRest({ models, ...look }: Look): LookWithRest {
  return { ...look, models: models.map((model) => ({ ...model, rest: restOf(model) })) };
}

function restOf({ totals, regions }: ModelLook): RegionTotals {
  const rest = structuredClone(totals);
  for (const { report, edge } of regions) {
    addTotals(rest, { counts: countsByBase(edge) }, -1);
    if (report) addTotals(rest, totalsOf(report), -1);
  }
  return rest;
}
