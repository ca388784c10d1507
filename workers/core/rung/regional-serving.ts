import type { ClassifyManifest, Rule, Uncertified } from "../contract/index.ts";
import type { RegionalServing } from "./model-rung.ts";

/**
 * Returns what serves a region while its head can't be read: the global head. What was proven holds for the region's head
 * alone, so answers have no certificate, and the stricter threshold of both decides.
 */
export function withoutHead(
  { thin }: Pick<ClassifyManifest, "thin">,
  { region, rule, fault }: { region: string; rule: Rule; fault: string },
): RegionalServing {
  const threshold = Math.max(rule.threshold, thin.rule.threshold);
  const uncertified = rule.uncertified ?? pending(`the head of region '${region}' can't be read: ${fault}`);
  return {
    head: null,
    rule: { ...rule, threshold, certificate: null, uncertified },
    degraded: `The global head answered in place of the head of region '${region}', which can't be read: ${fault}.`,
  };
}

/**
 * Returns what serves an opened region without a head: its parent's head, whose certificate is not for it.
 * @param own the region's live rule; null while it has none
 */
export function inheritedServing(parent: string, inherits: RegionalServing, own: Rule | null): RegionalServing {
  const inherited = own ?? inherits.rule ?? inherits.head?.manifest.rule ?? null;
  if (own || !inherited) return { ...inherits, rule: inherited };
  const uncertified = pending(`the region is new: '${parent}' answers for it until it has labels`);
  return { ...inherits, rule: { ...inherited, certificate: null, uncertified } };
}

function pending(reason: string): Uncertified {
  return { status: "pending", reason, labels: 0, labelsNeeded: null };
}
