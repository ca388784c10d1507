import { describe, expect, it } from "vitest";
import { addTrial, correctTrial, noTrials, repeatTrials, type Trial, type Trials } from "#core/confidence/trials.ts";

const all = (trials: readonly Trial[], minInclusionProbability = 0.02): Trials =>
  trials.reduce(addTrial, noTrials(minInclusionProbability));

describe("trials", () => {
  const audited: Trial = { inclusionProbability: 0.02, error: 1 };
  const accepted: Trial = { inclusionProbability: 1, error: 0 };
  const half: Trial = { inclusionProbability: 0.5, error: 1 };

  it("count as many questions as their inclusion probability says", () => {
    expect(all([audited, accepted, half])).toEqual({
      labels: 3,
      errors: 2,
      weight: 53,
      weightedErrors: 52,
      weight2: 2_505,
      weightedErrors2: 2_504,
      minInclusionProbability: 0.02,
    });
  });

  it("are equal in any order, after corrections, and when stored as JSON", () => {
    const sums = all([half, accepted, audited]);
    expect(sums).toEqual(all([audited, accepted, half]));
    expect(JSON.parse(JSON.stringify(sums))).toEqual(sums);
    const wrongAtFirst = all([{ ...audited, error: 0 }, { ...accepted, error: 1 }, half]);
    expect(correctTrial(correctTrial(wrongAtFirst, 0.02, 0, 1), 1, 1, 0)).toEqual(sums);
    expect(correctTrial(sums, 0.5, 1, 1)).toEqual(sums);
  });

  it("do not change what they were added to", () => {
    const none = noTrials(1);
    addTrial(none, accepted);
    correctTrial(none, 1, 0, 1);
    expect(none).toEqual(noTrials(1));
  });

  it("multiplies the sums when trials are repeated", () => {
    expect(repeatTrials(all([audited, half]), 3)).toEqual(all([audited, half, audited, half, audited, half]));
  });

  it("rejects an inclusion probability that the policy could not have recorded", () => {
    expect(() => addTrial(noTrials(0.02), { inclusionProbability: 0.01, error: 0 })).toThrow(
      /inclusionProbability must be in \[0\.02, 1\]; received 0\.01/,
    );
    expect(() => addTrial(noTrials(0.02), { inclusionProbability: 1.1, error: 0 })).toThrow(RangeError);
    expect(() => addTrial(noTrials(0.02), { inclusionProbability: Number.NaN, error: 0 })).toThrow(RangeError);
    expect(() => correctTrial(noTrials(0.02), 0, 0, 1)).toThrow(
      /inclusionProbability must be in \[0\.02, 1\]; received 0/,
    );
    for (const minInclusionProbability of [0, -1, 1.5, Number.NaN])
      expect(() => noTrials(minInclusionProbability)).toThrow(/minInclusionProbability must be in/);
  });
});
