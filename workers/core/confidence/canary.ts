import type { CanaryPlan, CanaryVerdict, DifferenceBounds, Differences, RegionDifferences } from "../contract/index.ts";
import { isProven } from "./bounds.ts";

/** A loss in [0, 1] of one version's answer. */
export interface VersionLoss {
  side: "stable" | "canary";
  loss: number;
}

const none: Differences = { blocks: 0, sum: 0, squares: 0 };
const precision = 1e-6;

/**
 * Pairs one region's losses in order of arrival: a block closes as soon as it contains both versions. Each difference thus
 * compares questions of one region at about one time, independently of the canary's share and of drift.
 * @example differencesOf([{ side: "stable", loss: 0 }, { side: "stable", loss: 1 }, { side: "canary", loss: 1 }]) // { blocks: 1, sum: 0.5, squares: 0.25 }
 */
export function differencesOf(marks: Iterable<VersionLoss>): Differences {
  const found = { ...none };
  let open = { stable: { n: 0, sum: 0 }, canary: { n: 0, sum: 0 } };
  for (const { side, loss } of marks) {
    open[side].n++;
    open[side].sum += loss;
    const { stable, canary } = open;
    if (stable.n === 0 || canary.n === 0) continue;
    const difference = canary.sum / canary.n - stable.sum / stable.n;
    found.blocks++;
    found.sum += difference;
    found.squares += difference ** 2;
    open = { stable: { n: 0, sum: 0 }, canary: { n: 0, sum: 0 } };
  }
  return found;
}

/** Adds the differences of two sets of blocks. */
export function addDifferences(a: Differences, b: Differences): Differences {
  return { blocks: a.blocks + b.blocks, sum: a.sum + b.sum, squares: a.squares + b.squares };
}

/**
 * Tells whether the running mean of d is below `bound`; wrong with probability `delta` at most over all looks. Uses the
 * empirical-Bernstein confidence sequence of `bounds.ts` (arXiv 1810.08240, theorem 4) for (d + 1)/2, which is in
 * [0, 1]. The mean is over blocks, and so over regions in proportion to the canary's questions (stratified by region).
 */
export function differsByLess({ blocks, sum, squares }: Differences, bound: number, delta: number): boolean {
  if (bound >= 1) return true;
  const gain = (bound * blocks - sum) / 2;
  const variance = (squares - 2 * bound * sum + bound ** 2 * blocks) / 4;
  return isProven({ gain, variance, risk: (bound + 1) / 2, minInclusionProbability: 1 }, delta);
}

/** Tells whether the running mean of d is above `bound`; wrong with probability `delta` at most over all looks. */
export function differsByMore(differences: Differences, bound: number, delta: number): boolean {
  return differsByLess({ ...differences, sum: -differences.sum }, -bound, delta);
}

/** Computes one-sided bounds on the running mean of d, each wrong at any look with probability `delta` at most. */
export function differenceBounds(differences: Differences, delta: number): DifferenceBounds {
  const { blocks, sum } = differences;
  if (blocks === 0) return { mean: null, lower: -1, upper: 1 };
  const upper = leastExcluded(differences, delta);
  return { mean: sum / blocks, lower: -leastExcluded({ ...differences, sum: -sum }, delta), upper };
}

/** The blocks of all regions, and the level of each test. */
interface Evidence {
  errors: Differences;
  /** null if coverage is not tested. */
  escalated: Differences | null;
  level: number;
}

/**
 * Decides about a canary at any look. `promote`: its error is proven to exceed the stable version's by `margin` at most,
 * and its coverage to fall by `coverageMargin` at most. `roll back`: its error is proven higher, or its coverage proven
 * lower by more than the margin. For an error that is higher by less than the margin both decisions are right: below half
 * the margin the canary is mostly promoted, above it mostly rolled back. If only an error beyond the margin led to a
 * rollback, a canary just within it would never be decided, and a bad one would take four times as long.
 */
export function decide(regions: readonly RegionDifferences[], plan: CanaryPlan): CanaryVerdict["decision"] {
  const { errors, escalated, level } = evidenceOf(regions, plan);
  const { margin, coverageMargin } = plan;
  // An error proven to be within the margin is acceptable, even if it is proven to be a little higher.
  const isWithin = differsByLess(errors, margin, level);
  if (isWithin && (!escalated || differsByLess(escalated, coverageMargin, level))) return "promote";
  if (!isWithin && differsByMore(errors, 0, level)) return "roll back";
  return escalated && differsByMore(escalated, coverageMargin, level) ? "roll back" : "continue";
}

/** Decides about a canary and gives the reason. `isOver` rolls back an undecided canary. */
export function judgeCanary(regions: readonly RegionDifferences[], plan: CanaryPlan, isOver: boolean): CanaryVerdict {
  const { errors, escalated, level } = evidenceOf(regions, plan);
  const decided = decide(regions, plan);
  const error = differenceBounds(errors, level);
  const coverage = escalated && differenceBounds(escalated, level);
  const decision = decided === "continue" && isOver ? "roll back" : decided;
  const found = { decision, error, coverage, blocks: errors.blocks };
  const known = reasonOf(found, plan);
  return { ...found, reason: decided === decision ? known : `undecided at the deadline: ${known}` };
}

function evidenceOf(regions: readonly RegionDifferences[], { errorsOf, delta }: CanaryPlan): Evidence {
  const total = (of: keyof RegionDifferences) => regions.map((region) => region[of]).reduce(addDifferences, none);
  const errors = total(errorsOf);
  if (errorsOf === "all") return { errors, escalated: null, level: delta };
  // Either of two tests may roll it back wrongly, so each gets half of δ.
  return { errors, escalated: total("escalated"), level: delta / 2 };
}

function reasonOf({ error, coverage, blocks }: Omit<CanaryVerdict, "reason">, plan: CanaryPlan): string {
  const whose = plan.errorsOf === "all" ? "all answers" : "accepted answers";
  const errorText =
    error.mean === null
      ? "no label compares the two versions yet"
      : `error of ${whose} ${points(error.mean)} against the stable version, with confidence between ${ends(error)}; allowed ${points(plan.margin)} (${blocks} blocks)`;
  if (coverage?.mean === null || !coverage) return errorText;
  const lost = { mean: -(coverage.mean ?? 0), lower: -coverage.upper, upper: -coverage.lower };
  const allowed = points(-plan.coverageMargin);
  return `${errorText}; coverage ${points(lost.mean)}, with confidence between ${ends(lost)}; allowed ${allowed}`;
}

function leastExcluded(differences: Differences, delta: number): number {
  let low = differences.sum / differences.blocks;
  let high = 1;
  while (high - low > precision) {
    const middle = (low + high) / 2;
    if (differsByLess(differences, middle, delta)) high = middle;
    else low = middle;
  }
  return high;
}

/** Formats a share in percentage points, with its sign: "+1.20 points". */
function points(share: number): string {
  return `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(2)} points`;
}

function ends({ lower, upper }: DifferenceBounds): string {
  return `${points(lower)} and ${points(upper)}`;
}
