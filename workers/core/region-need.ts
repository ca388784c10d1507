import type { RegionState } from "./contract/index.ts";
import type { RegionBrief } from "./region-brief.ts";

/** What of a region's state may need somebody's attention. */
export type NeedyState = Pick<RegionState, "breaker"> &
  Partial<Pick<RegionBrief, "certificate" | "escalation" | "drift" | "lastRun">>;

/** Why a region needs attention, the most urgent first. */
export const regionNeeds = [
  "certificate-void",
  "retrain-held",
  "rung-above-fails",
  "drift",
  "retrain-failed",
  "escalation-does-not-pay",
  "cannot-be-certified",
] as const;
export type RegionNeed = (typeof regionNeeds)[number];

/** Returns why a region needs attention, the most urgent first. */
export function needsOf({ breaker, certificate, escalation, drift, lastRun }: NeedyState): RegionNeed[] {
  const has: Record<RegionNeed, boolean> = {
    "certificate-void": certificate?.status === "void",
    "retrain-held": lastRun?.status === "held",
    "rung-above-fails": breaker === "open",
    drift: drift?.alarm ?? false,
    "retrain-failed": lastRun?.status === "failed",
    "escalation-does-not-pay": escalation?.status === "does-not-pay",
    "cannot-be-certified": certificate?.status === "pending" && certificate.labelsNeeded === null,
  };
  return regionNeeds.filter((need) => has[need]);
}

/** Returns how much a region needs attention, 0 for not at all: one urgent need weighs more than all lesser ones. */
export function needOf(state: NeedyState): number {
  const needs = new Set(needsOf(state));
  return regionNeeds.reduce((sum, need) => 2 * sum + (needs.has(need) ? 1 : 0), 0);
}
