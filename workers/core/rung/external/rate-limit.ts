import type { ExternalRung } from "../../contract/index.ts";

export type RateLimit = NonNullable<ExternalRung["rateLimit"]>;

/** The tokens in a bucket at a time, ms since 1970. Plain JSON. */
export interface Bucket {
  tokens: number;
  at: number;
}

/** Questions that may be asked now, and after how many milliseconds the next one may. */
export interface Turns {
  taken: number;
  retryAfterMs: number;
}

/** Takes up to `wanted` tokens from a bucket that fills in `perSeconds`; a new one is full. */
export function takeTurns(
  bucket: Bucket | null,
  wanted: number,
  { questions, perSeconds }: RateLimit,
  now: number,
): Turns & { bucket: Bucket } {
  const perMs = questions / (perSeconds * 1_000);
  const tokens = bucket ? Math.min(questions, bucket.tokens + Math.max(0, now - bucket.at) * perMs) : questions;
  const taken = Math.min(wanted, Math.floor(tokens));
  const left = tokens - taken;
  const retryAfterMs = taken === wanted ? 0 : Math.ceil((1 - (left - Math.floor(left))) / perMs);
  return { taken, retryAfterMs, bucket: { tokens: left, at: Math.max(now, bucket?.at ?? now) } };
}
