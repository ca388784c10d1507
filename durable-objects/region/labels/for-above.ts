import type { ClassifyManifest } from "#core/contract/index.ts";
import { changeOf, classCounts, classTotals } from "#core/head/contribution.ts";
import { addRow, addSums, encodeSums, labelsIn } from "#core/head/sums.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import { idAbove, regionAbove } from "#core/rung/id-above.ts";
import type { LabelsForAbove, SampleChanges, StoredSample, SumsForAbove, SumsLimits } from "../api.ts";
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
   * samples before, or that are fewer than `minLabels` of a class, in all or since the sums that were sent before. `sums` is
   * null where fewer are left. Archived samples can't be left out.
   */
  async sumsOf({ minLabels, sentThrough, sent }: SumsLimits): Promise<SumsForAbove | null> {
    const manifest = await this.needs.manifest();
    if (!manifest) return null;
    const { thin, labels: names, number, policy } = manifest;
    const { embeddings, samples, region } = this.needs;
    const backbone = thin.backbone.sha256;
    const { head } = thin;
    const sums = this.needs.sums.readAll(backbone, head.width, head.classes).reduce((all, fold) => addSums(all, fold));
    const subtract = (rows: ReturnType<Embeddings["countedWithout"]>) => {
      for (const { vector, label, weight } of rows) {
        addRow(sums, { vector, label: number ? softLabelOf(number.bins, label) : label, weight: -weight });
      }
    };
    subtract(embeddings.countedWithout(backbone, { sentThrough }));
    const before = sent.find((one) => one.backbone === backbone)?.classes ?? [];
    if (!number) {
      const labelsBefore = new Map(before.map(([name, labels]) => [name, labels]));
      const newest = classCounts(sums, 1).map((count, label) => {
        return leftOut(count, labelsBefore.get(names[label] as string) ?? 0, minLabels);
      });
      if (newest.some((count) => count > 0)) subtract(embeddings.countedWithout(backbone, { sentThrough, newest }));
    }
    const labels = labelsIn(sums);
    // Of a class whose few labels are archived.
    const isFew = !number && classCounts(sums, 1).some((count) => count > 0 && count < minLabels);
    const isWithheld = isFew || labels < minLabels;
    const above = regionAbove(policy.regions, region);
    const classes = await classTotals(sums, names, number !== undefined);
    const change = changeOf(before, classes, minLabels);
    const forgotten = samples.lastForgotten();
    const own = { above, backbone, names, forgotten, classes, change };
    return isWithheld ? { ...own, labels: 0, sums: null } : { ...own, labels, sums: encodeSums(sums).buffer };
  }
}

/** Returns how many of a class's newest labels are left out: all where it has few, else those since `before` where these are few. */
function leftOut(count: number, before: number, minLabels: number): number {
  if (count < minLabels) return count;
  const added = count - before;
  return added > 0 && added < minLabels ? added : 0;
}

/** Whether a label was given here or further below: those of the rungs above came from there. */
function isOfSite({ source, trusted, labelledBy }: StoredSample): boolean {
  return trusted && (source === "truth" || (source === "human" && labelledBy !== null));
}
