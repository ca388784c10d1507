import { BoundedMap } from "#core/bounded-map.ts";
import { leftMs } from "#core/clock.ts";
import type { Jobs } from "../jobs.ts";
import { table, text } from "../table.ts";
import { kvInTime } from "./kv-in-time.ts";

/** KV takes one write a second to a key. */
const minGapMs = 1_000;

/** How long no head pointer is written after a write failed. */
const pauseMs = 2_000;

/** The keys whose last write is remembered. Another one that is written too soon is refused by KV, and written again. */
const writtenMax = 10_000;

/** Keys of pointers to versions begin with it: they are written before all others. */
export const versionKeys = "current/";

const outbox = table("outbox", { key: text(), value: text() });

/** What sending pointers to KV needs. */
interface Needs {
  sql: SqlStorage;
  kv: Pick<KVNamespace, "put">;
  jobs: Pick<Jobs, "bringForward">;
}

/**
 * The table `outbox`: pointers to write to KV. The newest value of a key is written once a second at most, and retried. Its
 * jobs run beside all others, and pointers to versions before the heads' ones.
 */
export class Outbox {
  private readonly needs: Needs;
  private readonly writtenAt = new BoundedMap<string, number>(writtenMax);
  private pausedUntil = 0;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  put(key: string, value: unknown): void {
    const { sql, jobs } = this.needs;
    outbox.insert(sql, { key, value: JSON.stringify(value) }, "replace");
    // Also where an earlier value failed, and would be tried minutes later.
    jobs.bringForward("outbox", key, Date.now() + this.gapOf(key));
  }

  /** Runs a job `outbox`: writes a key's newest value. Returns when the key is to be written again; null when nothing waits. */
  async send(key: string): Promise<number | null> {
    const { sql, kv } = this.needs;
    const waiting = outbox.first(sql, "WHERE key = ?", key);
    if (!waiting) return null;
    const pausedMs = key.startsWith(versionKeys) ? 0 : leftMs(this.pausedUntil, pauseMs, Date.now());
    const waitMs = Math.max(pausedMs, this.gapOf(key));
    if (waitMs > 0) return Date.now() + waitMs;
    try {
      await kvInTime(kv.put(key, waiting.value));
    } catch (error) {
      // Where KV is down, each head pointer would wait for it as long. One that came too soon concerns its key alone.
      if (!isTooSoon(error)) this.pausedUntil = Date.now() + pauseMs;
      // A value that came meanwhile does not wait as long as one that failed several times.
      if (outbox.first(sql, "WHERE key = ?", key)?.value !== waiting.value) return Date.now() + minGapMs;
      throw error;
    } finally {
      this.writtenAt.set(key, Date.now());
    }
    outbox.delete(sql, "WHERE key = ? AND value = ?", key, waiting.value);
    return outbox.first(sql, "WHERE key = ?", key) && Date.now() + minGapMs;
  }

  private gapOf(key: string): number {
    return leftMs((this.writtenAt.get(key) ?? 0) + minGapMs, minGapMs, Date.now());
  }
}

/** Whether KV refused a second write to a key within a second. */
function isTooSoon(error: unknown): boolean {
  return String(error).includes("429");
}
