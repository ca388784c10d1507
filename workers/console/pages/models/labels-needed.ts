import type { CanaryState } from "#client/index.ts";

/**
 * Estimates how many more labelled pairs decide about a canary, if its difference stays as it is: bounds shrink with the root of
 * their number. Two significant digits. Null before the bounds say anything, and where no number would decide soon.
 */
export function labelsNeeded({ verdict, plan }: Pick<CanaryState, "verdict" | "plan">): number | null {
  if (!verdict || verdict.error.mean === null || verdict.pairs === 0) return null;
  const { mean, lower, upper } = verdict.error;
  // Bounds that exclude nothing shrink in no known way.
  if (lower <= -1 && upper >= 1) return null;
  // Promoted once the upper bound is below the margin, rolled back once the lower one is above zero.
  const ways: [width: number, allowed: number][] = [
    [upper - mean, plan.margin - mean],
    [mean - lower, mean],
  ];
  const needed = ways.flatMap(([width, allowed]) => (allowed > 0 ? [verdict.pairs * (width / allowed) ** 2] : []));
  const more = Math.ceil(Math.min(...needed) - verdict.pairs);
  return Number.isFinite(more) ? Number(Math.max(0, more).toPrecision(2)) : null;
}
