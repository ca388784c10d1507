import type { Counts, RegionCounts } from "#core/contract/index.ts";
import { noCounts } from "#core/counts.ts";
import type { CountBatch } from "#objects/registry/api.ts";

/** How long an isolate gathers counts before it sends them: an eviction may lose the counts of that time. */
export const countsFlushMs = 2_000;
export const countsFlushTimeoutMs = 20_000;

interface ModelCounts {
  gathered: Map<string, RegionCounts>;
  /** On its way, until it is acknowledged. */
  sent: CountBatch | null;
  sequence: number;
  /** Until when somebody sees to it that they are told; a request that ends early may not come to it. */
  toldBy: number;
}

/** What this isolate answered by itself, by model, until the model's registry knows. Values only: requests share it. */
export class IsolateCounts {
  private readonly isolate = crypto.randomUUID();
  private readonly models = new Map<string, ModelCounts>();

  /** The counts of a model's region and version, to add to. */
  of(model: string, region: string, base: number): Counts {
    const { gathered } = this.model(model);
    const key = `${base}/${region}`;
    const known = gathered.get(key);
    if (known) return known.counts;
    const counts = noCounts();
    gathered.set(key, { region, base, counts });
    return counts;
  }

  /** Whether the caller is to tell of a model's counts, a little later: nobody else does. */
  claim(model: string, now: number): boolean {
    const counts = this.model(model);
    if (counts.gathered.size === 0 || counts.toldBy > now) return false;
    counts.toldBy = now + countsFlushMs + countsFlushTimeoutMs;
    return true;
  }

  release(model: string): void {
    this.model(model).toldBy = 0;
  }

  /** The next batch of a model: the one that was not acknowledged, else all that is gathered; null where there is none. */
  next(model: string): CountBatch | null {
    const counts = this.model(model);
    if (counts.sent) return counts.sent;
    if (counts.gathered.size === 0) return null;
    counts.sequence++;
    counts.sent = { isolate: this.isolate, sequence: counts.sequence, rows: [...counts.gathered.values()] };
    counts.gathered = new Map();
    return counts.sent;
  }

  /** A batch has come. */
  acknowledge(model: string, sequence: number): void {
    const counts = this.model(model);
    if (counts.sent?.sequence === sequence) counts.sent = null;
  }

  private model(model: string): ModelCounts {
    const known = this.models.get(model);
    if (known) return known;
    const fresh: ModelCounts = { gathered: new Map(), sent: null, sequence: 0, toldBy: 0 };
    this.models.set(model, fresh);
    return fresh;
  }
}
