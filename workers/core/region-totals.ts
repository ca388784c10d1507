import type { Counts, RegionState, VersionCounts } from "./contract/index.ts";
import type { RegionBrief } from "./region-brief.ts";

/** What totals are made from: the counts of a region, and its state on the version that serves it. */
export interface ReportedRegion {
  base: number;
  activity: { versions: VersionCounts[]; open: number; breaker: "closed" | "open" };
  state: Omit<RegionBrief, "lastRun"> | null;
  /** Stands for a state that is too large for a report. */
  brief?: RegionBrief;
}

/** Sums over regions. */
export interface RegionTotals {
  /** Regions that have reported, and those of them by the version that serves them. */
  regions: number;
  bases: Record<number, number>;
  /** The counts of each version, by its number. */
  counts: Record<number, Counts>;
  open: number;
  /** Regions that stopped asking the rung above, have a head of their own, or whose inputs have drifted. */
  breakersOpen: number;
  heads: number;
  drift: number;
  samples: RegionState["samples"] & { archived: number };
  /** Regions by the status of their certificate, and by whether escalation pays. */
  certificates: Record<"valid" | "pending" | "void", number>;
  escalations: Record<"pays" | "unproven" | "does-not-pay", number>;
  unasked: number;
}

export function noTotals(): RegionTotals {
  return {
    ...{ regions: 0, bases: {}, counts: {}, open: 0, breakersOpen: 0, heads: 0, drift: 0 },
    samples: { train: 0, validation: 0, calibration: 0, archived: 0 },
    certificates: { valid: 0, pending: 0, void: 0 },
    escalations: { pays: 0, unproven: 0, "does-not-pay": 0 },
    unasked: 0,
  };
}

/** Returns the totals of one region. */
export function totalsOf({ base, activity: { versions, open, breaker }, ...report }: ReportedRegion): RegionTotals {
  const totals = noTotals();
  const state = report.state ?? report.brief;
  const { certificate, escalation, drift } = state ?? {};
  if (certificate) totals.certificates[certificate.status] = 1;
  if (escalation) totals.escalations[escalation.status] = 1;
  return {
    ...totals,
    ...{ regions: 1, bases: { [base]: 1 }, open, breakersOpen: breaker === "open" ? 1 : 0 },
    counts: countsByBase(versions),
    heads: state?.headManifest ? 1 : 0,
    drift: drift?.alarm ? 1 : 0,
    samples: state ? { ...state.samples, archived: state.archived } : totals.samples,
    unasked: escalation?.unasked ?? 0,
  };
}

export function countsByBase(versions: readonly VersionCounts[]): Record<number, Counts> {
  return Object.fromEntries(versions.map(({ base, counts }) => [base, counts]));
}

/** Adds totals, or with `times` −1 takes them away, in place. */
export function addTotals(
  sum: RegionTotals,
  other: Partial<Omit<RegionTotals, "counts">> & Pick<RegionTotals, "counts">,
  times: 1 | -1 = 1,
): void {
  addNumbers(sum as unknown as Numbers, other as unknown as Numbers, times);
}

interface Numbers {
  [key: string]: number | Numbers;
}

function addNumbers(sum: Numbers, other: Numbers, times: number): void {
  for (const [key, value] of Object.entries(other)) {
    if (typeof value === "number") {
      sum[key] = ((sum[key] as number | undefined) ?? 0) + times * value;
    } else {
      sum[key] ??= (Array.isArray(value) ? [] : {}) as Numbers;
      addNumbers(sum[key] as Numbers, value, times);
    }
  }
}
