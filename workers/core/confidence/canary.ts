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
 * Matches one region's marks, in the order in which they came: a block closes as soon as both sides are in it. So each
 * difference compares what was asked in one region at about one time, whatever the canary's share and whatever drifts.
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

/** Both regions' blocks together. */
export function addDifferences(a: Differences, b: Differences): Differences {
  return { blocks: a.blocks + b.blocks, sum: a.sum + b.sum, squares: a.squares + b.squares };
}

/**
 * Whether the running mean of d is below `bound`, at any look, but for a chance of `delta` over all of them: the
 * empirical-Bernstein confidence sequence of `bounds.ts` (arXiv 1810.08240, theorem 4) for (d + 1)/2, which is in
 * [0, 1]. The mean is over blocks, and so over regions as the canary's questions fall to them (stratified by region).
 */
export function differsByLess({ blocks, sum, squares }: Differences, bound: number, delta: number): boolean {
  if (bound >= 1) return true;
  const gain = (bound * blocks - sum) / 2;
  const variance = (squares - 2 * bound * sum + bound ** 2 * blocks) / 4;
  return isProven({ gain, variance, risk: (bound + 1) / 2, minInclusionProbability: 1 }, delta);
}

/** Whether the running mean of d is above `bound`, likewise. */
export function differsByMore(differences: Differences, bound: number, delta: number): boolean {
  return differsByLess({ ...differences, sum: -differences.sum }, -bound, delta);
}

/** One-sided bounds of the running mean of d, each wrong at any look with a chance of `delta` at most. */
export function differenceBounds(differences: Differences, delta: number): DifferenceBounds {
  const { blocks, sum } = differences;
  if (blocks === 0) return { mean: null, lower: -1, upper: 1 };
  const upper = leastExcluded(differences, delta);
  return { mean: sum / blocks, lower: -leastExcluded({ ...differences, sum: -sum }, delta), upper };
}

/** What the judge goes by: all regions' blocks, and the level of each test. */
interface Evidence {
  errors: Differences;
  /** null where coverage is not judged. */
  escalated: Differences | null;
  level: number;
}

/**
 * What to do with a canary, at any look. `promote`: it surely errs at most `margin` more often than the stable version,
 * and keeps its coverage but for `coverageMargin`. `roll back`: it surely errs more often, or surely loses more coverage.
 * Between no worse and worse by the margin either is right, and one of them is found: what errs more by less than half
 * the margin is mostly promoted, what errs more by more rolled back. Were it rolled back only beyond the margin, a canary
 * just within would be watched for ever, and a bad one four times as long.
 */
export function decide(regions: readonly RegionDifferences[], plan: CanaryPlan): CanaryVerdict["decision"] {
  const { errors, escalated, level } = evidenceOf(regions, plan);
  const { margin, coverageMargin } = plan;
  // Surely within the margin is what was asked for, even where it is surely a little worse.
  const isWithin = differsByLess(errors, margin, level);
  if (isWithin && (!escalated || differsByLess(escalated, coverageMargin, level))) return "promote";
  if (!isWithin && differsByMore(errors, 0, level)) return "roll back";
  return escalated && differsByMore(escalated, coverageMargin, level) ? "roll back" : "continue";
}

/** What to do with a canary, and why; `isOver` rolls back what is undecided. */
export function judgeCanary(regions: readonly RegionDifferences[], plan: CanaryPlan, isOver: boolean): CanaryVerdict {
  const { errors, escalated, level } = evidenceOf(regions, plan);
  const decided = decide(regions, plan);
  const error = differenceBounds(errors, level);
  const coverage = escalated && differenceBounds(escalated, level);
  const decision = decided === "continue" && isOver ? "roll back" : decided;
  const found = { decision, error, coverage, blocks: errors.blocks };
  const known = reasonOf(found, plan);
  return { ...found, reason: decided === decision ? known : `undecided when the time was over: ${known}` };
}

function evidenceOf(regions: readonly RegionDifferences[], { errorsOf, delta }: CanaryPlan): Evidence {
  const total = (of: keyof RegionDifferences) => regions.map((region) => region[of]).reduce(addDifferences, none);
  const errors = total(errorsOf);
  if (errorsOf === "all") return { errors, escalated: null, level: delta };
  // Either of two may roll it back: each has half the chance to do so wrongly.
  return { errors, escalated: total("escalated"), level: delta / 2 };
}

function reasonOf({ error, coverage, blocks }: Omit<CanaryVerdict, "reason">, plan: CanaryPlan): string {
  const whose = plan.errorsOf === "all" ? "all its answers" : "what it accepted";
  const erring =
    error.mean === null
      ? "no label compares the two yet"
      : `${points(error.mean)} error of ${whose} against the stable version's, surely between ${ends(error)}, where ${points(plan.margin)} may be (${blocks} blocks)`;
  if (coverage?.mean === null || !coverage) return erring;
  const lost = { mean: -(coverage.mean ?? 0), lower: -coverage.upper, upper: -coverage.lower };
  const may = points(-plan.coverageMargin);
  return `${erring}; ${points(lost.mean)} coverage, surely between ${ends(lost)}, where ${may} may be`;
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

/** A share in points, with its sign: "+1.2 points". */
function points(share: number): string {
  return `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(2)} points`;
}

function ends({ lower, upper }: DifferenceBounds): string {
  return `${points(lower)} and ${points(upper)}`;
}
