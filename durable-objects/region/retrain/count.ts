import type { ClassifyManifest } from "#core/contract/index.ts";
import { labelWeightUnit } from "#core/head/sums.ts";
import type { Influence } from "../labels/influence.ts";
import type { SumBins } from "../tables/bins.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import type { SumShards } from "../tables/sums.ts";
import { loadSliceRows, sliceMultiplyAdds } from "./slices.ts";

/** What counting reads and changes. */
export interface CountNeeds {
  embeddings: Pick<Embeddings, "count">;
  influence: Pick<Influence, "leftOut">;
  sums: SumShards;
  bins: Pick<SumBins, "set">;
  runs: Pick<Runs, "move">;
  transaction: <T>(work: () => T) => T;
}

/** Adds the next samples that train to the sums, each once, and moves the run on in the same transaction. */
export function countSlice(
  { embeddings, influence, sums, bins, runs, transaction }: CountNeeds,
  manifest: ClassifyManifest,
  run: RunningRun,
  crossFits: boolean,
): void {
  const { sha256, embedding } = manifest.thin.backbone;
  const { labels, number, policy } = manifest;
  // Twice: a corrected label is subtracted, then added.
  const rowCost = (embedding.width + 1) * (embedding.width + 1 + 2 * labels.length);
  const limit = Math.max(1, Math.min(loadSliceRows, Math.floor(sliceMultiplyAdds / rowCost)));
  const originWeight = Math.round(policy.originLabelWeight * labelWeightUnit);
  const known = { backbone: sha256, labels, bins: number?.bins ?? null, width: embedding.width };
  transaction(() => {
    if (number) bins.set(sha256, number.bins);
    const options = { ...known, originWeight, left: influence.leftOut(run), limit, crossFits };
    const counted = embeddings.count(run, sums, options);
    if (counted < limit) runs.move(run.id, "semantic-cache", {});
  });
}
