import { describe, expect, it } from "vitest";
import { isBelowWithConfidence } from "#core/confidence/bounds.ts";
import {
  addDifferences,
  differenceBounds,
  differencesOf,
  differsByLess,
  differsByMore,
  judgeCanary,
  type VersionLoss,
} from "#core/confidence/canary.ts";
import { addTrial, noTrials } from "#core/confidence/trials.ts";
import type { CanaryPlan, Differences } from "#core/contract/index.ts";

const none: Differences = { blocks: 0, sum: 0, squares: 0 };
const plan: CanaryPlan = { errorsOf: "all", margin: 0.02, coverageMargin: 0.05, delta: 0.05 };
const mark = (side: VersionLoss["side"], loss: number): VersionLoss => ({ side, loss });
const blocks = (n: number, difference: number): Differences => ({
  blocks: n,
  sum: n * difference,
  squares: n * difference ** 2,
});
const region = (all: Differences, accepted = none, escalated = none) => ({ all, accepted, escalated });

describe("matched blocks", () => {
  it("close once both sides are in them, and compare means", () => {
    const marks = [mark("stable", 1), mark("stable", 0), mark("canary", 1), mark("canary", 0), mark("stable", 1)];
    expect(differencesOf(marks)).toEqual({ blocks: 2, sum: 0.5 - 1, squares: 0.25 + 1 });
  });

  it("are empty where a side is missing, and omit unmatched questions", () => {
    expect(differencesOf([mark("stable", 1), mark("stable", 0)])).toEqual(none);
    expect(differencesOf([])).toEqual(none);
    expect(differencesOf([mark("canary", 1), mark("stable", 1), mark("stable", 0)]).blocks).toBe(1);
  });

  it("of two regions add up", () => {
    const [a, b] = [blocks(2, 0.5), blocks(1, -1)];
    expect(addDifferences(a, b)).toEqual({ blocks: 3, sum: 0, squares: 1.5 });
  });
});

describe("the confidence sequence of the difference", () => {
  it("equals the certificate's bound for losses mapped from [−1, 1] to [0, 1]", () => {
    // With d in {−1, 1} the moved loss is 0 or 1, as an error is.
    let trials = noTrials(1);
    let differences = none;
    for (let i = 0; i < 400; i++) {
      const error = i % 5 === 0 ? 1 : 0;
      trials = addTrial(trials, { inclusionProbability: 1, error });
      differences = addDifferences(differences, blocks(1, error === 1 ? 1 : -1));
      for (const risk of [0.2, 0.3, 0.4]) {
        expect(differsByLess(differences, 2 * risk - 1, 0.05)).toBe(isBelowWithConfidence(trials, risk, 0.05));
      }
    }
  });

  it("contains the mean, is symmetric, and spans the full range before the first block", () => {
    expect(differenceBounds(none, 0.05)).toEqual({ mean: null, lower: -1, upper: 1 });
    const found = differenceBounds({ blocks: 500, sum: 10, squares: 40 }, 0.05);
    expect(found.lower).toBeLessThan(0.02);
    expect(found.upper).toBeGreaterThan(0.02);
    const turned = differenceBounds({ blocks: 500, sum: -10, squares: 40 }, 0.05);
    expect([turned.lower, turned.upper]).toEqual([-found.upper, -found.lower]);
    expect(differsByMore({ blocks: 500, sum: 10, squares: 40 }, found.lower - 1e-4, 0.05)).toBe(true);
    expect(differsByMore({ blocks: 500, sum: 10, squares: 40 }, found.lower + 1e-4, 0.05)).toBe(false);
  });
});

describe("the judge", () => {
  const judged = (all: Differences, isOver = false) => judgeCanary([region(all)], plan, isOver);

  it("waits while the data is insufficient, and reports what it has", () => {
    expect(judged(none)).toMatchObject({
      decision: "continue",
      reason: expect.stringMatching(/^no label compares/),
      blocks: 0,
    });
    expect(judged({ blocks: 20, sum: 1, squares: 2 })).toMatchObject({ decision: "continue", coverage: null });
  });

  it("promotes a version whose error is higher by significantly less than the margin", () => {
    expect(judged(blocks(2_000, 0))).toMatchObject({ decision: "promote" });
    const little = { blocks: 1e6, sum: 5_000, squares: 20_000 };
    expect(differsByMore(little, 0, 0.05)).toBe(true);
    expect(judged(little).decision).toBe("promote");
  });

  it("rolls back a version with significantly more errors, with the reason in percentage points", () => {
    const verdict = judged({ blocks: 1_000, sum: 100, squares: 150 });
    expect(verdict.decision).toBe("roll back");
    expect(verdict.reason).toMatch(
      /^error of all answers \+10\.00 points against the stable version, with confidence between \+\d+\.\d\d points and .*; allowed \+2\.00 points \(1000 blocks\)$/,
    );
  });

  it("rolls back an undecided canary at the deadline; a decision stands", () => {
    expect(judged(none, true)).toMatchObject({ decision: "roll back", reason: expect.stringMatching(/^undecided/) });
    expect(judged(blocks(2_000, 0), true).decision).toBe("promote");
  });

  it("counts the regions together, each with its own blocks", () => {
    const few = region(blocks(150, 0));
    expect(judgeCanary([few], plan, false).decision).toBe("continue");
    const verdict = judgeCanary(
      Array.from({ length: 10 }, () => few),
      plan,
      false,
    );
    expect(verdict).toMatchObject({ decision: "promote", blocks: 1_500 });
    expect(judgeCanary([], plan, false).decision).toBe("continue");
  });

  it("by audits also requires coverage", () => {
    const audits = { ...plan, errorsOf: "accepted" as const };
    const by = (escalated: Differences) => judgeCanary([region(none, blocks(3_000, 0), escalated)], audits, false);
    expect(by(blocks(3_000, 0)).decision).toBe("promote");
    expect(by(none).decision).toBe("continue");
    const lost = by({ blocks: 3_000, sum: 600, squares: 1_500 });
    expect(lost).toMatchObject({
      decision: "roll back",
      reason: expect.stringMatching(/; coverage −20\.00 points, with confidence between −/),
    });
    // The errors of what was escalated are no matter: only what no rung was sure of is labelled.
    expect(judgeCanary([region(blocks(1_000, 1), blocks(3_000, 0), blocks(3_000, 0))], audits, false).decision).toBe(
      "promote",
    );
  });
});
