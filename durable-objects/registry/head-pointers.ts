import type { HeadManifest, HeadPointer, Rule } from "#core/contract/index.ts";
import type { Outbox } from "./outbox.ts";
import type { HeadStore } from "./tables/heads.ts";

/** What moving the regions' head pointers needs. */
interface Needs {
  model: string;
  heads: HeadStore;
  outbox: Pick<Outbox, "put">;
}

/** Moves the head pointers of the regions. Heads are never deleted: a rollback may return to any of them. */
export class HeadPointers {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Makes a head the region's current one. */
  publish(head: HeadManifest): HeadPointer {
    this.needs.heads.add(head);
    return this.point(head.base, head.region, head.number);
  }

  /** Takes a head and a rule that the region has, as the next revision after both. */
  adopt(base: number, region: string, { revision, head, rule }: HeadPointer): HeadPointer {
    const { heads } = this.needs;
    if (head) heads.add(head);
    return this.write(base, region, head?.number ?? null, rule, revision);
  }

  /** Points a region to one of its heads, or to the global one (null). */
  point(base: number, region: string, number: number | null): HeadPointer {
    return this.write(base, region, number, this.needs.heads.pointer(base, region).rule);
  }

  /** Points a region to one of its heads, or to the global one (null), and to the head's own rule. */
  reset(base: number, region: string, number: number | null): HeadPointer {
    return this.write(base, region, number, null);
  }

  /** Returns the number of the head before a region's current one; null for the global one. */
  before(base: number, region: string): number | null {
    const { heads } = this.needs;
    return heads.numberBefore(base, region, heads.pointer(base, region).head?.number ?? 0);
  }

  /** Gives a region an accept rule; its head stays. */
  setRule(base: number, region: string, rule: Rule): HeadPointer {
    return this.write(base, region, this.needs.heads.pointer(base, region).head?.number ?? null, rule);
  }

  /** Points a region to the global head and its rule on every base version. */
  forget(region: string): void {
    for (const base of this.needs.heads.basesOf(region)) this.write(base, region, null, null);
  }

  /** Marks a region ready for a version, with the global head where it has none of its own. */
  markReady(base: number, region: string): void {
    if (!this.isReady(base, region)) this.point(base, region, null);
  }

  isReady(base: number, region: string): boolean {
    return this.needs.heads.hasPointer(base, region);
  }

  regionsWithHead(base: number): string[] {
    return this.needs.heads.regionsWithHead(base);
  }

  private write(base: number, region: string, number: number | null, rule: Rule | null, after = 0): HeadPointer {
    const { model, heads, outbox } = this.needs;
    const pointer = heads.setPointer(base, region, number, rule, after);
    outbox.put(`head/${model}/${base}/${region}`, pointer);
    return pointer;
  }
}
