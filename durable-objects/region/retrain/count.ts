import type { ClassifyManifest } from "#core/contract/index.ts";
import { labelWeightUnit } from "#core/head/sums.ts";
import type { RegionContext } from "../context.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import { loadSliceRows, sliceMultiplyAdds } from "./slices.ts";

/** Brings the next train samples into the sums, each once, and keeps the place in the same transaction. */
export function countSlice(context: RegionContext, runs: Runs, manifest: ClassifyManifest, run: RunningRun): void {
  const { embeddings, sums, storage } = context;
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
