import {
  adoptedLabelsMax,
  adoptedLabelsOfTokenMax,
  type ClassifyManifest,
  type Contributed,
  type Contribution,
  contributionsMaxBytes,
  contributionsOfTokenMax,
  contributionsOfTokenMaxBytes,
} from "#core/contract/index.ts";
import { classCounts, placeClasses, sharesOf } from "#core/head/contribution.ts";
import { addInto, decodeSums, emptySums, labelsIn, type Sums } from "#core/head/sums.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { CheckedContribution, ContributionRefusal, OpenTeaching } from "../api.ts";
import type { ContributionRow, Contributions } from "../tables/contributions.ts";

/** Contributions that are listed at most. */
const listedMax = 200;
/** When a contribution that can't be stored may be sent again, unless others are withdrawn. */
const fullMs = 3_600_000;

interface ContributingNeeds {
  contributions: Contributions;
  transaction: <T>(work: () => T) => T;
}

/**
 * Keeps the sums that places below contribute instead of samples. Retrains add those of trusted tokens to the region's own;
 * nothing is judged by them. The sums of each contributor stay apart, so that withdrawing them is exact.
 */
export class Contributing {
  private readonly needs: ContributingNeeds;
  /** Kept, since all devices of a region read it, and up to 256 MiB of sums are added up for it. */
  private opened: { of: string; teaching: OpenTeaching } | null = null;

  constructor(needs: ContributingNeeds) {
    this.needs = needs;
  }

  /** Stores a contribution in place of the one before under its id. The same revision again changes nothing. */
  contribute(owner: string, id: string, given: CheckedContribution): Result<Contributed, ContributionRefusal> {
    const { contributions, transaction } = this.needs;
    return transaction(() => {
      const before = contributions.find(owner, id);
      if (before && given.revision < before.revision) return fail({ kind: "stale", revision: before.revision });
      if (before && given.revision === before.revision) {
        if (before.backbone === null) return fail({ kind: "stale", revision: before.revision });
        return ok({ contribution: shown(before), changed: false });
      }
      const refusal = this.roomFor(owner, id, before, given);
      if (refusal) return fail(refusal);
      const { sums: bytes, ...fields } = given;
      const sums = decodeSums(given.width, given.classes, bytes);
      contributions.set({ owner, id, ...fields, labels: labelsIn(sums), at: Date.now() }, sums);
      return ok({ contribution: shown(contributions.find(owner, id) as ContributionRow), changed: true });
    });
  }

  /** Removes a contribution exactly. Its revision stays, so that a late request brings nothing back. */
  withdraw(owner: string, id: string): Contributed | null {
    const { contributions, transaction } = this.needs;
    return transaction(() => {
      const row = contributions.find(owner, id);
      if (!row) return null;
      const changed = row.backbone !== null;
      if (changed) {
        contributions.set({ ...row, backbone: null, labels: 0, openLabels: [], at: Date.now() }, null);
      }
      return { contribution: shown(contributions.find(owner, id) as ContributionRow), changed };
    });
  }

  /** Tells whether retrains learn from what is stored under an id. */
  isCounted(owner: string, id: string): boolean {
    const row = this.needs.contributions.find(owner, id);
    return row !== null && shown(row).isCounted;
  }

  list(): Contribution[] {
    return this.needs.contributions.latest(listedMax).map(shown);
  }

  /** Adds what retrains learn from to sums. */
  addCounted(backbone: string, sums: Sums): Sums {
    for (const one of this.needs.contributions.counted(backbone, sums.classes)) addInto(sums, one);
    return sums;
  }

  /** Returns the sums of all contributions, over the labels of the model and the open ones that they brought. */
  open(manifest: ClassifyManifest): OpenTeaching {
    const of = `${manifest.version} ${manifest.thin.backbone.sha256} ${this.needs.contributions.lastChange()}`;
    if (this.opened?.of !== of) this.opened = { of, teaching: this.readOpen(manifest) };
    return this.opened.teaching;
  }

  private readOpen({ labels, thin, number }: ClassifyManifest): OpenTeaching {
    const { contributions } = this.needs;
    const backbone = thin.backbone.sha256;
    const rows = contributions.on(backbone).filter(({ width }) => width === thin.head.width);
    const known = new Set(labels);
    const adopted = [...new Set(rows.flatMap(({ openLabels }) => openLabels))].filter((label) => !known.has(label));
    const all = [...labels, ...adopted];
    const sums = emptySums(thin.head.width, all.length);
    for (const row of rows) {
      // Classes of the model first, in its order, then the row's own.
      const places = [...labels, ...row.openLabels].map((label) => all.indexOf(label));
      if (places.length !== row.classes) continue;
      addInto(sums, placeClasses(contributions.sumsOf(row), places, all.length));
    }
    const counts = classCounts(sums, sharesOf(number !== undefined));
    return {
      revision: contributions.lastChange(),
      backbone,
      labels: all,
      counts,
      sums: sums.values.buffer as ArrayBuffer,
    };
  }

  private roomFor(
    owner: string,
    id: string,
    before: ContributionRow | null,
    { sums, openLabels, backbone }: CheckedContribution,
  ): ContributionRefusal | null {
    const { contributions } = this.needs;
    if (before?.backbone == null && !contributions.makeRoom(owner, contributionsOfTokenMax)) {
      return { kind: "limited", limit: { name: "contributions", max: contributionsOfTokenMax, retryAfterMs: fullMs } };
    }
    const stored = contributions.bytesWithout(owner, id);
    const isFull = stored.all + sums.byteLength > contributionsMaxBytes;
    if (isFull || stored.ofOwner + sums.byteLength > contributionsOfTokenMaxBytes) {
      const max = isFull ? contributionsMaxBytes : contributionsOfTokenMaxBytes;
      return { kind: "limited", limit: { name: "contributedBytes", max, retryAfterMs: fullMs } };
    }
    if (openLabels.length === 0) return null;
    const others = contributions.on(backbone).filter((row) => row.owner !== owner || row.id !== id);
    const labelsWith = (rows: typeof others) => new Set([...rows.flatMap((row) => row.openLabels), ...openLabels]).size;
    if (labelsWith(others) > adoptedLabelsMax) return { kind: "labels-full", max: adoptedLabelsMax };
    const isMany = labelsWith(others.filter((row) => row.owner === owner)) > adoptedLabelsOfTokenMax;
    return isMany ? { kind: "labels-full", max: adoptedLabelsOfTokenMax } : null;
  }
}

function shown({ owner, id, revision, labels, openLabels, backbone, trusted, at }: ContributionRow): Contribution {
  const isCounted = backbone !== null && trusted && openLabels.length === 0;
  return { owner, id, revision, labels, openLabels, backbone, isCounted, at };
}
