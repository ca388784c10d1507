import { describe, expect, it } from "vitest";
import { type CanaryReport, judgeCanary, plannedShareOf } from "#core/confidence/canary.ts";
import { type Pair, sumPairs } from "#core/confidence/pairs.ts";
import type { CanaryCount, CanaryPlan } from "#core/contract/index.ts";

const plan: CanaryPlan = { margin: 0.02, coverageMargin: null, delta: 0.05 };
const noCount: CanaryCount = {
  ...{ planned: 0, labelled: 0, pairs: 0, questions: 0, waiting: 0 },
  stable: { error: null, coverage: null },
  canary: { error: null, coverage: null },
  unpaired: { instance: 0, input: 0, failure: 0 },
};

/** n pairs of one region, each a group: one in `worse` of them only the canary gets wrong, one in `shy` only stable accepts. */
function report(n: number, { worse = 0, shy = 0, count = {} as Partial<CanaryCount> } = {}): CanaryReport {
  const pairs = Array.from({ length: n }, (_, i): Pair => {
    return {
      ...{ inclusionProbability: 1, group: String(i) },
      stable: { isWrong: false, accepted: true },
      canary: { isWrong: worse > 0 && i % worse === 0, accepted: shy === 0 || i % shy !== 0 },
    };
  });
  return { sums: sumPairs(pairs, 1), count: { ...noCount, ...count } };
}

describe("the judge of a canary", () => {
  const judged = (one: CanaryReport, isOver = false) => judgeCanary([one], plan, isOver);

  it("waits while the data is insufficient, and reports what it has", () => {
    expect(judged(report(0))).toMatchObject({
      decision: "continue",
      reason: expect.stringMatching(/^no planned label/),
      pairs: 0,
      groups: 0,
    });
    const few = judged(report(5));
    expect(few).toMatchObject({ decision: "continue", coverage: null, pairs: 5 });
    expect(few.reason).toMatch(
      /^on 5 labelled questions .* \(in 5 independent groups, of at least 10 that a verdict needs\)/,
    );
  });

  it("promotes a version whose error is higher by significantly less than the margin", () => {
    expect(judged(report(2_000)).decision).toBe("promote");
    expect(judged(report(100_000, { worse: 200 })).decision).toBe("promote");
  });

  it("rolls back a version with significantly more errors, with the reason in percentage points", () => {
    const verdict = judged(report(1_000, { worse: 10 }));
    expect(verdict.decision).toBe("roll back");
    expect(verdict.reason).toMatch(
      /^on 1,000 labelled questions that both versions answered \(in 1,000 independent groups\): error \+10\.0 points against the stable version, with confidence between \+\d+\.\d points and .*; allowed \+2\.0 points$/,
    );
  });

  it("rolls back an undecided canary at the deadline; a decision stands", () => {
    expect(judged(report(0), true)).toMatchObject({
      decision: "roll back",
      reason: expect.stringMatching(/^undecided at the deadline: no/),
    });
    expect(judged(report(2_000), true).decision).toBe("promote");
  });

  it("counts the regions together", () => {
    const few = report(60);
    expect(judged(few).decision).toBe("continue");
    const all = judgeCanary(
      Array.from({ length: 20 }, () => few),
      plan,
      false,
    );
    expect(all).toMatchObject({ decision: "promote", pairs: 1_200, groups: 1_200 });
    expect(judgeCanary([], plan, false).decision).toBe("continue");
  });

  it("says which questions could not be compared, and what it still waits for", () => {
    const unpaired = { instance: 3, input: 0, failure: 1 };
    const leftOut = "3 without a kept instance, 1 that the other version failed to answer";
    expect(judged(report(0, { count: { unpaired } })).reason).toBe(
      `no labelled question could be compared; not compared: ${leftOut}. Promote the canary or roll it back by hand`,
    );
    expect(judged(report(50, { count: { unpaired } })).reason).toContain(`; not compared: ${leftOut}`);
    expect(judged(report(0, { count: { waiting: 7 } })).reason).toMatch(/^the second answers to 7 labelled questions/);
  });

  it("also requires coverage where not every truth comes", () => {
    const audits = { ...plan, coverageMargin: 0.05 };
    const by = (one: CanaryReport) => judgeCanary([one], audits, false);
    expect(by(report(2_000)).decision).toBe("promote");
    expect(by(report(3_000, { shy: 5 }))).toMatchObject({
      decision: "roll back",
      reason: expect.stringMatching(/; coverage −20\.0 points, with confidence between −/),
    });
    expect(judged(report(3_000, { shy: 5 })).decision).toBe("promote");
  });
});

describe("the probability that a label is planned", () => {
  it("is 1 where all is kept and every truth comes, and the audit's share elsewhere", () => {
    expect(plannedShareOf({ truth: "complete", keep: "all", auditShare: 0.1 })).toBe(1);
    expect(plannedShareOf({ truth: "complete", keep: "audited", auditShare: 0.1 })).toBe(0.1);
    expect(plannedShareOf({ truth: "some", keep: "all", auditShare: 0.1 })).toBe(0.1);
  });
});
