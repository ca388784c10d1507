import type { CanaryPlan, CanaryVerdict, RegionDifferences } from "../confidence/canary.ts";

/** What one version answered at the edge while a canary was watched, and what its labels say; shares are weighted by 1/π. */
export interface VersionCount {
  base: number;
  /** `8`, or `8+weur.1`. */
  version: string;
  /** Questions recorded, and how many were asked by that (Σ 1/π). */
  recorded: number;
  questions: number;
  /** The share that its rule accepted. */
  coverage: number;
  /** Labels that may judge, and the share of errors among them: of what it accepted, and of all its answers. */
  labelled: { accepted: number; all: number };
  errors: { accepted: number | null; all: number | null };
  /** Mean log-loss of what is labelled; null where the label is none of the version's. */
  logLoss: number | null;
  /** Questions that only the origin labelled, and how many it answered alike: agreement, which judges nothing. */
  origin: { labelled: number; agreed: number };
}

/** What a region counted of a canary. */
export interface CanaryCount {
  versions: VersionCount[];
  differences: RegionDifferences;
}

/** Where a watched canary stands, or how it ended. */
export interface CanaryState {
  version: number;
  stable: number;
  share: number;
  /** ms since 1970; `endedAt` and `outcome` are null while it is watched. */
  startedAt: number;
  deadlineAt: number;
  endedAt: number | null;
  outcome: "promoted" | "rolled back" | "ended" | null;
  reason: string | null;
  plan: CanaryPlan;
  /** What the last look found; null before the first. */
  verdict: CanaryVerdict | null;
  /** What each region counted, when it was last heard. */
  regions: ({ region: string; at: number } & CanaryCount)[];
}
