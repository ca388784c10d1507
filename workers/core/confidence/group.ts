import type { ClassifyManifest, Regions } from "../contract/index.ts";
import { addCapital } from "./powered.ts";
import { addTrials } from "./trials.ts";
import type { CertificateWindow } from "./window.ts";

/** What one region contributes to the certificate of its group. */
export interface GroupSums {
  /** Its number is the group's: a group that was proven wrong starts over. */
  window: CertificateWindow;
  /** Questions that its rule did not accept since then. */
  escalated: number;
  /** Data time of the newest question that was counted. */
  newest: number;
}

/** Tells whether a model's regions form a group: those with one parent, where there may be several. */
export function isGrouped({ keys, open }: Regions): boolean {
  return keys.length > 1 || open !== undefined;
}

/** Returns the share of delta that a region's own certificate has: half, where its group has the other half. */
export function ownDelta({ thin, policy }: Pick<ClassifyManifest, "thin" | "policy">): number {
  return isGrouped(policy.regions) ? thin.rule.delta / 2 : thin.rule.delta;
}

/** What a group's certificate is tested by: its share of delta is its own. */
export interface GroupPlan {
  targetRisk: number;
  delta: number;
  scope: string;
}

/** Returns what the certificate of a version's group is tested by. */
export function groupPlanOf({ thin, policy }: Pick<ClassifyManifest, "thin" | "policy">): GroupPlan {
  const { targetRisk, delta } = thin.rule;
  return { targetRisk, delta: delta / 2, scope: `group:${policy.regions.parent}` };
}

/**
 * Adds what the regions of a group have counted. Sums and logarithms of capitals add up: their factors stand for one
 * question each, in whatever order the regions were asked. So the certificate bounds the mean error of all accepted
 * questions of the group, weighted by traffic, and promises nothing for one region.
 */
export function joinSums(all: readonly GroupSums[]): GroupSums | null {
  const [first, ...rest] = all;
  if (!first) return null;
  return rest.reduce(
    (sum, { window, escalated, newest }) => ({
      window: joinWindows(sum.window, window),
      escalated: sum.escalated + escalated,
      newest: Math.max(sum.newest, newest),
    }),
    first,
  );
}

function joinWindows(a: CertificateWindow, b: CertificateWindow): CertificateWindow {
  const joined = { number: a.number, from: Math.min(a.from, b.from), trials: addTrials(a.trials, b.trials) };
  const capital = a.powered && b.powered && addCapital(a.powered.capital, b.powered.capital);
  // Opinions prove something only where every region asks for them, in the same way.
  return a.powered && capital ? { ...joined, powered: { capital, fit: a.powered.fit } } : joined;
}
