import type { Jobs } from "../jobs.ts";

const minGapMs = 1_000;

/** Pointers on their way to KV: coalesced to one write a second a key, and retried until KV took them. */
export class Outbox {
  private readonly sql: SqlStorage;
  private readonly kv: KVNamespace;
  private readonly jobs: Jobs;

  constructor(sql: SqlStorage, kv: KVNamespace, jobs: Jobs) {
    this.sql = sql;
    this.kv = kv;
    this.jobs = jobs;
  }

  put(key: string, value: unknown): void {
    this.sql.exec("INSERT OR REPLACE INTO outbox VALUES (?, ?)", key, JSON.stringify(value));
    // A key that was just written keeps its later due: that is the gap.
    if (this.jobs.dueOf("outbox", key) === null) this.jobs.put("outbox", key, Date.now());
  }

  /** Sends a key's newest value; answers when the key may be written again, or null when nothing waits. */
  async send(key: string): Promise<number | null> {
    const value = this.waiting(key);
    if (value === undefined) return null;
    await this.kv.put(key, value);
    this.sql.exec("DELETE FROM outbox WHERE key = ? AND value = ?", key, value);
    return Date.now() + minGapMs;
  }

  private waiting(key: string): string | undefined {
    return this.sql.exec<{ value: string }>("SELECT value FROM outbox WHERE key = ?", key).toArray()[0]?.value;
  }
}
