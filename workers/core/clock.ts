// A clock may be put back. What was remembered before would then look new, or as if it were to last, for as long.

/** Returns the ms from a time to `now`, both ms since 1970; infinite where the time is still to come. */
export function elapsedMs(since: number, now: number): number {
  return now < since ? Number.POSITIVE_INFINITY : now - since;
}

/** Returns the ms from `now` until a time that is `maxMs` away at most; 0 where it has passed, or is further away. */
export function leftMs(until: number, maxMs: number, now: number): number {
  const left = until - now;
  return left > 0 && left <= maxMs ? left : 0;
}
