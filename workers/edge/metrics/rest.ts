import { addTotals, countsByBase, type RegionTotals, totalsOf } from "#core/region-totals.ts";
import type { ModelLook } from "./look.ts";

/** Returns the totals of a model without the regions that are shown one by one. */
export function restOf({ totals, regions }: Pick<ModelLook, "totals" | "regions">): RegionTotals {
  const rest = structuredClone(totals);
  for (const { report, edge } of regions) {
    addTotals(rest, { counts: countsByBase(edge) }, -1);
    if (report) addTotals(rest, totalsOf(report), -1);
  }
  return rest;
}
