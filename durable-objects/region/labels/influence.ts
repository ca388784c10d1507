import { exceededLimit, type UntrustedLimits, untrustedLimits, withinLimits } from "#core/confidence/trust.ts";
import type { LabelInfluence, LabelRefusal } from "../api.ts";
import type { NewSample, SampleSnapshot, Samples } from "../tables/samples.ts";
import type { UntrustedLabels } from "../tables/untrusted-labels.ts";

/** Tokens that a region's state lists at most. */
const shownOwners = 5;

/** What limiting influence reads and changes. */
interface InfluenceNeeds {
  samples: Pick<Samples, "isChangedBy" | "find" | "evidence" | "untrusted" | "byOwner">;
  untrustedLabels: UntrustedLabels;
}

/** Limits the influence of labels whose token is not trusted. */
export class Influence {
  private readonly needs: InfluenceNeeds;

  constructor(needs: InfluenceNeeds) {
    this.needs = needs;
  }

  /**
   * Counts labels of one token that is not trusted, all of them or none. Returns the limit that they would exceed; null where
   * they exceed none. Labels that change nothing count as none.
   */
  take(
    given: readonly NewSample[],
    owner: string,
  ): Omit<Extract<LabelRefusal, { kind: "untrusted-limit" }>, "id"> | null {
    const { samples, untrustedLabels } = this.needs;
    const changed = given.filter((sample) => samples.isChangedBy(sample));
    const added = new Set(changed.filter(({ id }) => samples.find(id)?.trusted !== false).map(({ id }) => id)).size;
    const known = samples.untrusted();
    const today = untrustedLabels.givenToday(owner);
    const limits = untrustedLimits(samples.evidence());
    const use: UntrustedLimits = {
      inAll: known.length + added,
      ofOwner: known.filter((sample) => sample.owner === owner).length + added,
      perDay: today.all + changed.length,
      ofOwnerPerDay: today.own + changed.length,
    };
    const limit = changed.length > 0 ? exceededLimit(limits, use) : null;
    untrustedLabels.count(
      owner,
      limit === null ? { given: changed.length, refused: 0 } : { given: 0, refused: changed.length },
    );
    if (limit === null) return null;
    const more = limit === "perDay" || limit === "ofOwnerPerDay" ? changed.length : added;
    return { kind: "untrusted-limit", limit, max: limits[limit], given: use[limit] - more };
  }

  /**
   * Returns the numbers of the samples of a snapshot that do not train: those beyond the limits, which fall where trusted
   * labels are forgotten.
   */
  leftOut(snapshot: SampleSnapshot): number[] {
    const known = this.needs.samples.untrusted(snapshot);
    if (known.length === 0) return [];
    const limits = untrustedLimits(this.needs.samples.evidence(snapshot));
    const train = new Set(withinLimits(known, ({ owner }) => owner, limits));
    return known.filter((sample) => !train.has(sample)).map(({ number }) => number);
  }

  state(): LabelInfluence {
    const { samples, untrustedLabels } = this.needs;
    const evidence = samples.evidence();
    return {
      evidence,
      untrusted: samples.untrusted().length,
      limits: untrustedLimits(evidence),
      refusedToday: untrustedLabels.refusedToday(),
      owners: samples.byOwner(shownOwners),
    };
  }
}
