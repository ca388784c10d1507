import type { ClassifyManifest } from "#core/contract/index.ts";
import { classCounts, sharesOf } from "#core/head/contribution.ts";
import { addRow, addSums, encodeSums, labelsIn } from "#core/head/sums.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import { idAbove, regionAbove } from "#core/rung/id-above.ts";
import type { LabelsForAbove, SampleChanges, StoredSample, SumsForAbove } from "../api.ts";
import { wholeRegion } from "../api.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { Samples } from "../tables/samples.ts";
import type { SumShards } from "../tables/sums.ts";

interface ForAboveNeeds {
  nodeId: string;
  region: string;
  /** The manifest of the version that serves the region; null while none does. */
  manifest: () => Promise<ClassifyManifest | null>;
  samplesSince: (revision: number, epoch?: string) => Promise<SampleChanges>;
  samples: Pick<Samples, "lastForgotten">;
  embeddings: Pick<Embeddings, "countedWithout">;
  sums: Pick<SumShards, "readAll">;
}

/** What a region of a node tells the rung above of what it has learned. */
export class ForAbove {
  private readonly needs: ForAboveNeeds;

  constructor(needs: ForAboveNeeds) {
    this.needs = needs;
  }

  /** Returns the labels that were given on site after a revision, and what was forgotten, under their ids above. */
  async labels(revision: number, epoch?: string): Promise<LabelsForAbove | null> {
    const { nodeId, region, samplesSince } = this.needs;
    const manifest = await this.needs.manifest();
    if (!manifest) return null;
    const { regions } = manifest.policy;
    const page = await samplesSince(revision, epoch);
    const labels = await Promise.all(
      page.samples.filter(isOfSite).map(async ({ id, label, source, instance, at }) => ({
        ...{ id: await idAbove(regions, nodeId, id), label, instance, at },
        source: source as "truth" | "human",
      })),
    );
    const gone = page.forgotten.filter(({ id }) => id !== wholeRegion);
    const forgotten = await Promise.all(gone.map(({ id }) => idAbove(regions, nodeId, id)));
    const { isLast, epoch: own } = page;
    return { region: regionAbove(regions, region), labels, forgotten, revision: page.revision, isLast, epoch: own };
  }

  /**
   * Returns the sums of what was learned on site: without labels that came from above, that are not trusted, that went up as
   * samples before, or of a class with fewer than `minLabels` of them. Null where fewer are left in all.
   */
  async sumsOf({ minLabels, sentThrough }: { minLabels: number; sentThrough: number }): Promise<SumsForAbove | null> {
    const manifest = await this.needs.manifest();
    if (!manifest) return null;
    const { thin, labels: names, number, policy } = manifest;
    const { embeddings, samples, region } = this.needs;
    const backbone = thin.backbone.sha256;
    const { width, classes } = thin.head;
    const sums = this.needs.sums.readAll(backbone, width, classes).reduce((all, fold) => addSums(all, fold));
    const subtract = (rows: ReturnType<Embeddings["countedWithout"]>) => {
      for (const { vector, label, weight } of rows) {
        addRow(sums, { vector, label: number ? softLabelOf(number.bins, label) : label, weight: -weight });
      }
    };
    subtract(embeddings.countedWithout(backbone, { sentThrough, classes: [] }));
    if (!number) {
      const few = classCounts(sums, 1).flatMap((count, label) => (count > 0 && count < minLabels ? [label] : []));
      if (few.length > 0) subtract(embeddings.countedWithout(backbone, { sentThrough, classes: few }));
    }
    const labels = labelsIn(sums);
    const isFew = classCounts(sums, sharesOf(number !== undefined)).every((count) => count === 0) || labels < minLabels;
    const above = regionAbove(policy.regions, region);
    const forgotten = samples.lastForgotten();
    return isFew
      ? { above, backbone, names, labels: 0, forgotten, sums: null }
      : { above, backbone, names, labels, forgotten, sums: encodeSums(sums).buffer };
  }
}

/** Whether a label was given here or further below: those of the rungs above came from there. */
function isOfSite({ source, trusted, labelledBy }: StoredSample): boolean {
  return trusted && (source === "truth" || (source === "human" && labelledBy !== null));
}
