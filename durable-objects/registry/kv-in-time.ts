import { within } from "#core/within.ts";

/** How long a call to KV may take: one that hangs does not hold up the registry's other jobs. */
const kvTimeoutMs = 2_000;

/** Waits for a call to KV for a bounded time. Throws if it takes longer. */
export function kvInTime<T>(call: Promise<T>): Promise<T> {
  return within(kvTimeoutMs, call, () => {
    throw new Error(`KV did not reply within ${kvTimeoutMs} ms`);
  });
}
