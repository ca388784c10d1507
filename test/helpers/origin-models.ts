import { type ModelOptions, testNumber } from "./model.ts";

const never = 1.01;

/** The models that the origin of the tests serves, by name, with their options. */
export const originModels: Record<string, ModelOptions> = {
  /** The edge accepts everything. */
  easy: { threshold: 0 },
  /** The edge accepts nothing, the origin everything. */
  hard: { threshold: never, fullThreshold: 0 },
  /** No rung accepts anything. */
  open: { threshold: never, fullThreshold: never },
  /** Like `open`, for the tests of the review queue: no other test asks it. */
  reviewed: { threshold: never, fullThreshold: never },
  /** No rung accepts anything until a version whose edge does. */
  growing: { threshold: never, fullThreshold: never },
  /** Like `growing`: its later version has one more label. */
  relabelled: { threshold: never, fullThreshold: never },
  /** No rung accepts anything, and no person answers. */
  lone: { threshold: never, fullThreshold: never, policy: { ladder: ["edge", "region", "origin"] } },
  /** Like `hard`, without people: its regions find out whether the origin is worth asking. */
  compared: {
    ...{ threshold: never, fullThreshold: 0 },
    // The threshold stays closed, however often the edge would have been right.
    policy: { ladder: ["edge", "region", "origin"], explorationShare: 0.2, learning: ["stacking"] },
  },
  /** The edge accepts everything, and the origin is asked for its opinion. */
  opined: { threshold: 0, policy: { keep: "all", auditShare: 0.2, opinions: { pending: 0.6, valid: 0.3 } } },
  /** The edge accepts nothing, the origin everything: its callers name candidates. */
  stocked: { threshold: never, fullThreshold: 0 },
  /** Like `stocked`, but no rung accepts anything. */
  unstocked: { threshold: never, fullThreshold: never },
  /** Like `compared`, for questions with candidates. */
  stacked: {
    ...{ threshold: never, fullThreshold: 0 },
    policy: { ladder: ["edge", "region", "origin"], explorationShare: 0.5, learning: ["stacking"] },
  },
  /** Like `opined`, for questions with candidates. */
  narrowed: { threshold: 0, policy: { keep: "all", auditShare: 0.2, opinions: { pending: 0.6, valid: 0.3 } } },
  /** Like `hard`, for the tests of limits and of what callers can't harm: no other test asks them. */
  unharmed: { threshold: never, fullThreshold: 0 },
  pressed: { threshold: never, fullThreshold: 0 },
  "pressed-open": { threshold: never, fullThreshold: never },
  /** The origin fails on demand. */
  shaky: { threshold: never, fullThreshold: 0 },
  /** Numbers: the edge accepts nothing, the origin everything. */
  "hard-number": { number: testNumber, threshold: never, fullThreshold: 0 },
  /** Numbers that no rung accepts. */
  "open-number": { number: testNumber, threshold: never, fullThreshold: never },
  /** Of the tests that count rows: like `hard`, and one whose edge accepts everything, which is kept. */
  billed: { threshold: never, fullThreshold: 0 },
  "billed-kept": { threshold: 0, policy: { keep: "all" } },
  /** Like `hard`, without people: several callers ask at the same time. */
  gathered: { threshold: never, fullThreshold: 0, policy: { ladder: ["edge", "region", "origin"] } },
  /** Like `hard`, without people: its region's object dies. */
  lost: { threshold: never, fullThreshold: 0, policy: { ladder: ["edge", "region", "origin"] } },
  /** Every question is kept and gets a truth. */
  kept: { threshold: 0, policy: { keep: "all", truth: "complete" } },
};
