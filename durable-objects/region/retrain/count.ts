import type { ClassifyManifest } from "#core/contract/index.ts";
import { labelWeightUnit } from "#core/head/sums.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import type { SumShards } from "../tables/sums.ts";
import { loadSliceRows, sliceMultiplyAdds } from "./slices.ts";

/** What counting samples touches. */
export interface CountNeeds {
  embeddings: Pick<Embeddings, "count">;
  sums: SumShards;
  storage: Pick<DurableObjectStorage, "transactionSync">;
}

/** Brings the next train samples into the sums, each once, and keeps the place in the same transaction. */
export function countSlice(needs: CountNeeds, runs: Runs, manifest: ClassifyManifest, run: RunningRun): void {
  const { embeddings, sums, storage } = needs;
  const { sha256, embedding } = manifest.thin.backbone;
  const { labels, policy } = manifest;
  // Twice: a corrected label is taken out, then put in.
  const rowCost = (embedding.width + 1) * (embedding.width + 1 + 2 * labels.length);
  const limit = Math.max(1, Math.min(loadSliceRows, Math.floor(sliceMultiplyAdds / rowCost)));
  const originWeight = Math.round(policy.originLabelWeight * labelWeightUnit);
  const options = { backbone: sha256, labels, width: embedding.width, originWeight, limit };
  storage.transactionSync(() => {
    const counted = embeddings.count(run, sums, options);
    if (counted < limit) runs.move(run.id, "semantic-cache", {});
  });
}
