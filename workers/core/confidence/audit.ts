import type { Certificate, Policy } from "../contract/index.ts";
import { hmacUnit } from "../hash.ts";

/** The shares of accepted questions about which the rung above is asked, unless the policy says otherwise. */
const usualOpinions: NonNullable<Policy["opinions"]> = { pending: 0.25, valid: 0.02 };

/** The coin, in [0, 1), that decides which accepted questions are labelled and about which the rung above is asked. */
export function auditUnit(secret: string, id: string): number {
  return hmacUnit(secret, `audit|${id}`);
}

/** Tells whether an accepted question is audited: a coin by HMAC, independent of the splits. */
export function isAudited(secret: string, id: string, share: number): boolean {
  return share > 0 && auditUnit(secret, id) < share;
}

type OpinionPolicy = Pick<Policy, "truth" | "auditShare" | "opinions" | "learning" | "ladder">;

/**
 * Returns the share of a region's accepted questions about which the rung above is asked for its opinion: fewer once the
 * region's certificate is valid. The audit share where opinions prove nothing: every truth comes, no label is planned, or
 * there is no rung above.
 */
export function opinionShareOf(
  policy: OpinionPolicy,
  { region, certificate, hasNextRung }: { region: string; certificate: Certificate | null; hasNextRung: boolean },
): number {
  if (!asksOpinions(policy) || !hasNextRung) return policy.auditShare;
  const { pending, valid } = policy.opinions ?? usualOpinions;
  return Math.max(policy.auditShare, certificate?.scope === region ? valid : pending);
}

/** The largest share of opinions that a policy can record. */
export function maxOpinionShareOf(policy: OpinionPolicy): number {
  const { pending, valid } = policy.opinions ?? usualOpinions;
  return Math.max(policy.auditShare, pending, valid);
}

/** Tells whether a region's certificate counts opinions. */
export function asksOpinions({ truth, auditShare, learning, ladder }: OpinionPolicy): boolean {
  return truth === "some" && auditShare > 0 && learning.includes("opinions") && ladder.includes("origin");
}
