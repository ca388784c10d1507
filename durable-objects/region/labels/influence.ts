import { exceededLimit, type UntrustedLimits, untrustedLimits, withinLimits } from "#core/confidence/trust.ts";
import type { LabelInfluence, LabelRefusal } from "../api.ts";
import type { GivenLabel, SampleSnapshot, Samples } from "../tables/samples.ts";
import type { UntrustedLabels } from "../tables/untrusted-labels.ts";

/** Tokens that a region's state lists at most. */
const shownOwners = 5;

/** A limit that labels would exceed. */
type LimitRefusal = Omit<Extract<LabelRefusal, { kind: "untrusted-limit" }>, "id">;

/** What limiting influence reads and changes. */
interface InfluenceNeeds {
  samples: Pick<
    Samples,
    "isChangedBy" | "find" | "evidence" | "untrusted" | "untrustedUse" | "byOwner" | "lastRevision"
  >;
  untrustedLabels: UntrustedLabels;
}

/** Limits the influence of labels whose token is not trusted. */
export class Influence {
  private readonly needs: InfluenceNeeds;
  private counted: { revision: number; evidence: number } | null = null;
  private left: (SampleSnapshot & { revision: number; numbers: number[] }) | null = null;

  constructor(needs: InfluenceNeeds) {
    this.needs = needs;
  }

  /** Returns the limit that labels of a token without trust exceed, and counts them as refused; null where they exceed none. */
  refuse(given: readonly GivenLabel[], owner: string): LimitRefusal | null {
    const { changed, refusal } = this.look(given, owner);
    if (refusal) this.needs.untrustedLabels.count(owner, { given: 0, refused: changed });
    return refusal;
  }

  /**
   * Counts labels of a token without trust, all of them or none. Returns the limit that they would exceed; null where they
   * exceed none. Labels that change nothing count as none.
   */
  take(given: readonly GivenLabel[], owner: string): LimitRefusal | null {
    const { changed, refusal } = this.look(given, owner);
    const count = refusal ? { given: 0, refused: changed } : { given: changed, refused: 0 };
    this.needs.untrustedLabels.count(owner, count);
    return refusal;
  }

  /**
   * Returns the numbers of the samples of a snapshot that do not train: those beyond the limits, which fall where trusted
   * labels are forgotten.
   */
  leftOut({ lastSample, at }: SampleSnapshot): number[] {
    const revision = this.needs.samples.lastRevision();
    const { left } = this;
    if (left?.revision === revision && left.lastSample === lastSample && left.at === at) return left.numbers;
    // Every slice of a run asks.
    const numbers = this.beyondLimits({ lastSample, at });
    this.left = { revision, lastSample, at, numbers };
    return numbers;
  }

  state(): LabelInfluence {
    const { samples, untrustedLabels } = this.needs;
    const evidence = this.evidence();
    return {
      ...{ evidence, owners: samples.byOwner(shownOwners), limits: untrustedLimits(evidence) },
      untrusted: samples.untrustedUse("").inAll,
      refusedToday: untrustedLabels.refusedToday(),
    };
  }

  private look(given: readonly GivenLabel[], owner: string): { changed: number; refusal: LimitRefusal | null } {
    const { samples, untrustedLabels } = this.needs;
    const changed = given.filter((label) => samples.isChangedBy(label));
    if (changed.length === 0) return { changed: 0, refusal: null };
    const added = new Set(changed.filter(({ id }) => samples.find(id)?.trusted !== false).map(({ id }) => id)).size;
    const today = untrustedLabels.givenToday(owner);
    const limits = untrustedLimits(this.evidence());
    const use: UntrustedLimits = {
      ...samples.untrustedUse(owner),
      perDay: today.all,
      ofOwnerPerDay: today.own,
    };
    const limit = exceededLimit(limits, {
      inAll: use.inAll + added,
      ofOwner: use.ofOwner + added,
      perDay: use.perDay + changed.length,
      ofOwnerPerDay: use.ofOwnerPerDay + changed.length,
    });
    const refusal: LimitRefusal | null = limit && {
      kind: "untrusted-limit",
      limit,
      max: limits[limit],
      given: use[limit],
    };
    return { changed: changed.length, refusal };
  }

  private beyondLimits(snapshot: SampleSnapshot): number[] {
    const known = this.needs.samples.untrusted(snapshot);
    if (known.length === 0) return [];
    const limits = untrustedLimits(this.needs.samples.evidence(snapshot));
    const train = new Set(withinLimits(known, ({ owner }) => owner, limits));
    return known.filter((sample) => !train.has(sample)).map(({ number }) => number);
  }

  // Counting reads every sample: once for each change of them.
  private evidence(): number {
    const { samples } = this.needs;
    const revision = samples.lastRevision();
    if (this.counted?.revision !== revision) this.counted = { revision, evidence: samples.evidence() };
    return this.counted.evidence;
  }
}
