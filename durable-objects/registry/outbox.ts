import { leftMs } from "#core/clock.ts";
import type { Jobs } from "../jobs.ts";
import { table, text } from "../table.ts";
import { kvInTime } from "./kv-in-time.ts";

/** KV takes one write a second to a key. */
const minGapMs = 1_000;

/** How long no key is written after a write failed. */
const pauseMs = 2_000;

const outbox = table("outbox", { key: text(), value: text() });

/** What sending pointers to KV needs. */
interface Needs {
  sql: SqlStorage;
  kv: Pick<KVNamespace, "put">;
  jobs: Pick<Jobs, "dueOf" | "put">;
}

/** The table `outbox`: pointers to write to KV. The newest value of a key is written once a second at most, and retried. */
export class Outbox {
  private readonly needs: Needs;
  private pausedUntil = 0;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  put(key: string, value: unknown): void {
    const { sql, jobs } = this.needs;
    outbox.insert(sql, { key, value: JSON.stringify(value) }, "replace");
    // The job of a key that was just written is due later: that keeps the gap.
    if (jobs.dueOf("outbox", key) === null) jobs.put("outbox", key, Date.now());
  }

  /** Runs a job `outbox`: writes a key's newest value. Returns when the key may be written again; null when nothing waits. */
  async send(key: string): Promise<number | null> {
    const { sql, kv } = this.needs;
    const waiting = outbox.first(sql, "WHERE key = ?", key);
    if (!waiting) return null;
    if (leftMs(this.pausedUntil, pauseMs, Date.now()) > 0) return this.pausedUntil;
    try {
      await kvInTime(kv.put(key, waiting.value));
    } catch (error) {
      // Other keys would wait for it as long, and the registry's other jobs behind them.
      this.pausedUntil = Date.now() + pauseMs;
      throw error;
    }
    outbox.delete(sql, "WHERE key = ? AND value = ?", key, waiting.value);
    return Date.now() + minGapMs;
  }
}
