import type {
  CanaryCount,
  CanaryPlan,
  CanaryVerdict,
  DifferenceBounds,
  PairObstacle,
  Policy,
} from "../contract/index.ts";
import { count } from "../format.ts";
import {
  addPairSums,
  differenceBounds,
  differsByLess,
  differsByMore,
  leastGroups,
  noPairs,
  type PairSums,
} from "./pairs.ts";

/** What a region found out about a canary: its pairs as sums, and what it shows of them. */
export interface CanaryReport {
  count: CanaryCount;
  sums: PairSums;
}

/**
 * Returns the probability with which the label of a version's question is planned, accepted or not: 1 where all questions
 * are kept and every truth comes, otherwise the share that the audit's coin chooses.
 */
export function plannedShareOf({ truth, keep, auditShare }: Pick<Policy, "truth" | "keep" | "auditShare">): number {
  return truth === "complete" && keep === "all" ? 1 : auditShare;
}

/** Adds the pairs of all regions. */
export function allPairs(reports: readonly Pick<CanaryReport, "sums">[]): PairSums {
  return reports.map(({ sums }) => sums).reduce(addPairSums, noPairs(1));
}

/**
 * Decides about a canary at any look. `promote`: its error is proven to exceed the stable version's by `margin` at most,
 * and its coverage to fall by `coverageMargin` at most. `roll back`: its error is proven higher, or its coverage proven
 * lower by more than the margin. For an error that is higher by less than the margin both decisions are right: below half
 * the margin the canary is mostly promoted, above it mostly rolled back. If only an error beyond the margin led to a
 * rollback, a canary just within it would never be decided, and a bad one would take four times as long.
 *
 * No difference makes both decisions wrong: a promotion is, where the error is higher by the margin or coverage lower by
 * its margin, and a rollback, where neither is worse. So each decision may use all of δ, and δ bounds a wrong verdict.
 */
export function decide(sums: PairSums, plan: CanaryPlan): CanaryVerdict["decision"] {
  const { margin, coverageMargin } = plan;
  const level = levelOf(plan);
  // An error proven to be within the margin is acceptable, even if it is proven to be a little higher.
  const isWithin = differsByLess(sums, "error", margin, level);
  const keepsCoverage = coverageMargin === null || differsByLess(sums, "coverage", coverageMargin, level);
  if (isWithin && keepsCoverage) return "promote";
  if (!isWithin && differsByMore(sums, "error", 0, level)) return "roll back";
  const losesCoverage = coverageMargin !== null && differsByMore(sums, "coverage", coverageMargin, level);
  return losesCoverage ? "roll back" : "continue";
}

/** Decides about a canary and gives the reason. `isOver` rolls back an undecided canary. */
export function judgeCanary(reports: readonly CanaryReport[], plan: CanaryPlan, isOver: boolean): CanaryVerdict {
  const sums = allPairs(reports);
  const level = levelOf(plan);
  const decided = decide(sums, plan);
  const decision = decided === "continue" && isOver ? "roll back" : decided;
  const error = differenceBounds(sums, "error", level);
  const coverage = plan.coverageMargin === null ? null : differenceBounds(sums, "coverage", level);
  const found = { decision, error, coverage, pairs: sums.pairs, groups: sums.groups };
  const known = sums.pairs === 0 ? obstacleOf(reports) : reasonOf(found, plan) + leftOutOf(reports);
  return { ...found, reason: decided === decision ? known : `undecided at the deadline: ${known}` };
}

/** The level of each test. Either of two tests may roll a canary back wrongly, so each gets half of δ. */
function levelOf({ delta, coverageMargin }: CanaryPlan): number {
  return coverageMargin === null ? delta : delta / 2;
}

function reasonOf({ error, coverage, pairs, groups }: Omit<CanaryVerdict, "reason">, plan: CanaryPlan): string {
  const few = groups < leastGroups ? `, of at least ${leastGroups} that a verdict needs` : "";
  const questions = `on ${count(pairs)} labelled ${pairs === 1 ? "question" : "questions"} that both versions answered`;
  const independent = `in ${count(groups)} independent ${groups === 1 ? "group" : "groups"}`;
  const ofErrors = `error ${points(error.mean)} against the stable version, with confidence between ${ends(error)}; allowed ${points(plan.margin)}`;
  const text = `${questions} (${independent}${few}): ${ofErrors}`;
  if (coverage === null) return text;
  const change = { mean: -(coverage.mean ?? 0), lower: -coverage.upper, upper: -coverage.lower };
  const allowed = points(-(plan.coverageMargin ?? 0));
  return `${text}; coverage ${points(change.mean)}, with confidence between ${ends(change)}; allowed ${allowed}`;
}

const byHand = "Promote the canary or roll it back by hand";

/** Says why no question has been compared. */
function obstacleOf(reports: readonly CanaryReport[]): string {
  const waiting = reports.reduce((sum, { count: one }) => sum + one.waiting, 0);
  if (waiting > 0) return `the second answers to ${count(waiting)} labelled questions are still to be computed`;
  const leftOut = leftOutOf(reports);
  if (leftOut !== "") return `no labelled question could be compared${leftOut}. ${byHand}`;
  return "no planned label has come yet for a question that both versions can answer";
}

const obstacleTexts: Record<PairObstacle, string> = {
  instance: "without a kept instance",
  input: "that do not fit the other version's input",
  failure: "that the other version failed to answer",
};

function leftOutOf(reports: readonly CanaryReport[]): string {
  const texts = Object.entries(obstacleTexts).flatMap(([obstacle, text]) => {
    const n = reports.reduce((sum, { count: { unpaired } }) => sum + (unpaired[obstacle as PairObstacle] ?? 0), 0);
    return n === 0 ? [] : [`${count(n)} ${text}`];
  });
  return texts.length === 0 ? "" : `; not compared: ${texts.join(", ")}`;
}

/** Formats a share in percentage points, with its sign: "+1.2 points". */
function points(share: number | null): string {
  const value = share ?? 0;
  return `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)} points`;
}

function ends({ lower, upper }: Pick<DifferenceBounds, "lower" | "upper">): string {
  return `${points(lower)} and ${points(upper)}`;
}
