import { describe, expect, it } from "vitest";
import {
  addTrial,
  correctTrial,
  noTrials,
  repeatTrials,
  type Trial,
  type Trials,
} from "../../../workers/core/confidence/trials.ts";

const all = (trials: readonly Trial[], leastPi = 0.02): Trials => trials.reduce(addTrial, noTrials(leastPi));

describe("trials", () => {
  const audited: Trial = { pi: 0.02, error: 1 };
  const sure: Trial = { pi: 1, error: 0 };
  const half: Trial = { pi: 0.5, error: 1 };

  it("stand for as many questions as the chance of their label says", () => {
    expect(all([audited, sure, half])).toEqual({
      labels: 3,
      errors: 2,
      weight: 53,
      weightedErrors: 52,
      weight2: 2_505,
      weightedErrors2: 2_504,
      leastPi: 0.02,
    });
  });

  it("come to the same in any order, corrected later, and stored as JSON", () => {
    const sums = all([half, sure, audited]);
    expect(sums).toEqual(all([audited, sure, half]));
    expect(JSON.parse(JSON.stringify(sums))).toEqual(sums);
    const wrongAtFirst = all([{ ...audited, error: 0 }, { ...sure, error: 1 }, half]);
    expect(correctTrial(correctTrial(wrongAtFirst, 0.02, 0, 1), 1, 1, 0)).toEqual(sums);
    expect(correctTrial(sums, 0.5, 1, 1)).toEqual(sums);
  });

  it("leave what they were added to as it was", () => {
    const none = noTrials(1);
    addTrial(none, sure);
    correctTrial(none, 1, 0, 1);
    expect(none).toEqual(noTrials(1));
  });

  it("repeated are as many times as many", () => {
    expect(repeatTrials(all([audited, half]), 3)).toEqual(all([audited, half, audited, half, audited, half]));
  });

  it("refuse a chance that the policy could not have recorded", () => {
    expect(() => addTrial(noTrials(0.02), { pi: 0.01, error: 0 })).toThrow(/addTrial: pi must be in \[0.02, 1\]/);
    expect(() => addTrial(noTrials(0.02), { pi: 1.1, error: 0 })).toThrow(RangeError);
    expect(() => addTrial(noTrials(0.02), { pi: Number.NaN, error: 0 })).toThrow(RangeError);
    expect(() => correctTrial(noTrials(0.02), 0, 0, 1)).toThrow(/correctTrial/);
    for (const leastPi of [0, -1, 1.5, Number.NaN]) expect(() => noTrials(leastPi)).toThrow(/noTrials: leastPi/);
  });
});
