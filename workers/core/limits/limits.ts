import { contributionLabelsOfRung, contributionLabelsUsual } from "../contract/index.ts";
import { hasScope, type Token, type TokenLimits } from "../tokens.ts";

/** The limits that a refusal names. Each is declared once: what it limits, and per what. */
export const limitNames = {
  questionsPerMinute: "questions a minute, per token and location",
  openQuestions: "open questions, per token and region",
  waits: "reads that wait for an answer at once, per token and region",
  requestsAtOnce: "requests at once, per token and isolate",
  contributions: "contributions, per token and region",
  contributedBytes: "bytes of contributions, per region, and per token in it",
} as const;
export type LimitName = keyof typeof limitNames;

/** A limit that a caller has reached. `retryAfterMs`: when to try again. */
export interface ReachedLimit {
  name: LimitName;
  max: number;
  retryAfterMs: number;
}

/** What a caller may use. `reviewQuestions`: its questions that wait for people, over all regions of a model. */
export interface CallerLimits extends Record<keyof TokenLimits, number> {
  /** Questions that a region answers at once; beyond them the region is saturated for this caller. */
  waitingQuestions: number;
  waits: number;
  requestsAtOnce: number;
}

/** The limits of a token that has none of its own. */
export const defaultLimits: CallerLimits = {
  questionsPerMinute: 60_000,
  openQuestions: 5_000,
  reviewQuestions: 1_000,
  contributionLabels: contributionLabelsUsual,
  waitingQuestions: 48,
  waits: 256,
  requestsAtOnce: 256,
};

/** The limits of callers without a token: the rate and the requests of each address, the rest of all of them together. */
export const anonymousLimits: CallerLimits = {
  questionsPerMinute: 600,
  openQuestions: 1_000,
  reviewQuestions: 200,
  contributionLabels: 0,
  waitingQuestions: 16,
  waits: 64,
  requestsAtOnce: 16,
};

/**
 * Returns what a caller may use; null: as much as it wants. A token of the scope `admin` has no limits unless it is given
 * some: it may change them.
 */
export function limitsOf(token: Token | null): CallerLimits | null {
  if (token === null) return anonymousLimits;
  if (hasScope(token, "admin") && Object.keys(token.limits ?? {}).length === 0) return null;
  // A rung below speaks for all of its callers.
  const ofRung = token.scopes.includes("rung") ? { contributionLabels: contributionLabelsOfRung } : {};
  return { ...defaultLimits, ...ofRung, ...(token.limits as Partial<CallerLimits>) };
}

/** What a hop carries of its owner's limits, for the region that stores its questions. */
export type OwnerLimits = Pick<CallerLimits, "openQuestions" | "reviewQuestions" | "waitingQuestions">;

export function ownerLimitsOf(limits: CallerLimits): OwnerLimits {
  const { openQuestions, reviewQuestions, waitingQuestions } = limits;
  return { openQuestions, reviewQuestions, waitingQuestions };
}
