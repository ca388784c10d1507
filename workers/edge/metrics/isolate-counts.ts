import type { Counts, RegionCounts } from "#core/contract/index.ts";
import { noCounts } from "#core/counts.ts";
import type { CountBatch } from "#objects/registry/api.ts";

/** How long an isolate gathers counts before it sends them. An eviction can lose the counts of that time. */
export const countsFlushMs = 2_000;
export const countsFlushTimeoutMs = 20_000;
/** The regions and versions of a model whose counts an isolate gathers. */
export const gatheredMaxRegions = 10_000;

interface ModelCounts {
  gathered: Map<string, RegionCounts>;
  /** The batch that is sent but not acknowledged. */
  sent: CountBatch | null;
  sequence: number;
  /** Deadline of the flush in progress, since a request that ends early may not complete it; 0 without one. */
  flushDeadline: number;
}

/** Counts of this isolate's answers by model, until the registry acknowledges them. Holds values only: requests share it. */
export class IsolateCounts {
  private readonly isolate = crypto.randomUUID();
  private readonly models = new Map<string, ModelCounts>();

  /** Returns the counts of a model's region and version, to add to. */
  of(model: string, region: string, base: number): Counts {
    const { gathered } = this.model(model);
    const key = `${base}/${region}`;
    const known = gathered.get(key);
    if (known) return known.counts;
    const counts = noCounts();
    // While the registry can't take them, the counts of more regions are lost rather than the isolate.
    if (gathered.size >= gatheredMaxRegions) return counts;
    gathered.set(key, { region, base, counts });
    return counts;
  }

  /** Claims the next flush of a model's counts. False if there is nothing to send or a flush is in progress. */
  claim(model: string, now: number): boolean {
    const counts = this.model(model);
    if (counts.gathered.size === 0 || counts.flushDeadline > now) return false;
    counts.flushDeadline = now + countsFlushMs + countsFlushTimeoutMs;
    return true;
  }

  release(model: string): void {
    this.model(model).flushDeadline = 0;
  }

  /** Returns the next batch of a model: the unacknowledged one, or all gathered counts; null without either. */
  next(model: string): CountBatch | null {
    const counts = this.model(model);
    if (counts.sent) return counts.sent;
    if (counts.gathered.size === 0) return null;
    counts.sequence++;
    const rows = [...counts.gathered.values()];
    // What sending them costs is counted with them.
    for (const [i, row] of rows.entries())
      Object.assign(row.counts, { batchRows: 1, ...(i === 0 ? { batches: 1 } : {}) });
    counts.sent = { isolate: this.isolate, sequence: counts.sequence, rows };
    counts.gathered = new Map();
    return counts.sent;
  }

  /** Removes a batch that the registry has stored. */
  acknowledge(model: string, sequence: number): void {
    const counts = this.model(model);
    if (counts.sent?.sequence === sequence) counts.sent = null;
  }

  private model(model: string): ModelCounts {
    const known = this.models.get(model);
    if (known) return known;
    const fresh: ModelCounts = { gathered: new Map(), sent: null, sequence: 0, flushDeadline: 0 };
    this.models.set(model, fresh);
    return fresh;
  }
}
