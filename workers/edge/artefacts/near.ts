import { leftMs } from "#core/clock.ts";
import { within } from "#core/within.ts";
import type { EdgeNode } from "../node.ts";

/** How long an ask waits for KV: usually it takes a few milliseconds. */
export const nearTimeoutMs = 250;
/** How long KV is not asked after it failed or was late: an ask waits for a broken KV once, not for each value. */
const nearPauseMs = 10_000;

/** What KV had: a value, nothing, or no reply. */
export type Near<T> = { isReached: true; value: T | null } | { isReached: false };

/** Reads from KV, which is a cache: never throws, and takes a bounded time. */
export async function readNear<T>(
  { cache }: Pick<EdgeNode, "cache">,
  key: string,
  read: () => Promise<T | null>,
): Promise<Near<T>> {
  if (leftMs(cache.pausedUntil, nearPauseMs, Date.now()) > 0) return { isReached: false };
  try {
    const value = await within(nearTimeoutMs, read(), () => {
      throw new Error(`no reply within ${nearTimeoutMs} ms`);
    });
    return { isReached: true, value };
  } catch (error) {
    cache.pausedUntil = Date.now() + nearPauseMs;
    console.warn(JSON.stringify({ event: "cache-unavailable", key, error: String(error) }));
    return { isReached: false };
  }
}
