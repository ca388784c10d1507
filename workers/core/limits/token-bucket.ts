import { BoundedMap } from "../bounded-map.ts";

/** A token bucket at one moment: what it holds, and when, in ms since 1970. */
export interface Bucket {
  level: number;
  at: number;
}

/** What came of taking from a bucket: the bucket afterwards, and after how many ms it will hold enough; 0: it did. */
export interface Taken {
  bucket: Bucket;
  waitMs: number;
}

const minuteMs = 60_000;

/** Takes `n` from a bucket that holds a minute's worth and refills evenly. Takes all or nothing. */
export function take(before: Bucket | undefined, perMinute: number, n: number, now: number): Taken {
  const { level, at } = before ?? { level: perMinute, at: now };
  // A clock that was set back refills nothing.
  const held = Math.min(perMinute, level + (Math.max(0, now - at) / minuteMs) * perMinute);
  const missing = n - held;
  const waitMs = missing <= 0 ? 0 : Math.min(minuteMs, Math.ceil((missing / perMinute) * minuteMs));
  return { bucket: { level: waitMs === 0 ? held - n : held, at: now }, waitMs };
}

/** The most callers whose buckets are remembered. */
const bucketsMax = 10_000;

/** A bucket for each caller. They are in memory: each isolate or object has its own. */
export class Buckets {
  // The caller that took least recently is forgotten first.
  private readonly buckets = new BoundedMap<string, Bucket>(bucketsMax);

  /** Takes `n` from a caller's bucket. Returns after how many ms it will hold enough; 0: it did. */
  take(caller: string, perMinute: number, n: number, now: number): number {
    const { bucket, waitMs } = take(this.buckets.get(caller), perMinute, n, now);
    this.buckets.set(caller, bucket);
    return waitMs;
  }
}
