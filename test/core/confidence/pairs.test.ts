import { describe, expect, it } from "vitest";
import { isBelowWithConfidence } from "#core/confidence/bounds.ts";
import {
  addPairSums,
  differenceBounds,
  differsByLess,
  differsByMore,
  leastGroups,
  noPairs,
  type Pair,
  type PairSums,
  sumPairs,
} from "#core/confidence/pairs.ts";
import { addTrial, noTrials } from "#core/confidence/trials.ts";
import { seededRandom } from "#origin/random.ts";

/** A pair whose errors differ by −1, 0 or 1, and whose acceptance does not. */
function pair(difference: number, group: string, inclusionProbability = 1): Pair {
  return {
    ...{ inclusionProbability, group },
    stable: { isWrong: difference < 0, accepted: true },
    canary: { isWrong: difference > 0, accepted: true },
  };
}

const single = (differences: readonly number[]) =>
  sumPairs(
    differences.map((d, i) => pair(d, String(i))),
    1,
  );

describe("sums over pairs", () => {
  it("are those of rows and of groups, weighted by 1/π", () => {
    const pairs = [pair(1, "a"), pair(1, "a", 0.5), pair(0, "b", 0.5), pair(-1, "b")];
    expect(sumPairs(pairs, 0.5)).toEqual({
      ...{ pairs: 4, groups: 2, minInclusionProbability: 0.5, weight: 6, rowWeight2: 10, groupWeight2: 18 },
      // W = 3 and D = 3 in a, W = 3 and D = −1 in b.
      error: { sum: 2, rows: 1 + 4 - 1, rowSquares: 1 + 4 + 1, groups: 9 - 3, groupSquares: 9 + 1 },
      coverage: { sum: 0, rows: 0, rowSquares: 0, groups: 0, groupSquares: 0 },
    });
  });

  it("of two regions add up, and are the same in any order", () => {
    const random = seededRandom(2);
    const pairs = Array.from({ length: 200 }, (_, i) => pair(Math.floor(3 * random()) - 1, String(i % 14)));
    const [even, odd] = [pairs.filter((_, i) => i % 2 === 0), pairs.filter((_, i) => i % 2 === 1)];
    expect(addPairSums(sumPairs(even, 1), sumPairs(odd, 1))).toEqual(sumPairs(pairs, 1));
    expect(sumPairs(pairs.toReversed(), 1)).toEqual(sumPairs(pairs, 1));
  });

  it("count coverage as stable − canary", () => {
    const lost = { ...pair(0, "a"), canary: { isWrong: false, accepted: false } };
    expect(sumPairs([lost], 1).coverage.sum).toBe(1);
  });
});

describe("the confidence sequence of the difference", () => {
  it("equals the certificate's bound where each question is its own group", () => {
    // With d in {−1, 1} the loss (d + 1)/2 is 0 or 1, as an error is.
    let trials = noTrials(1);
    const differences: number[] = [];
    for (let i = 0; i < 300; i++) {
      const error = i % 5 === 0 ? 1 : 0;
      trials = addTrial(trials, { inclusionProbability: 1, error });
      differences.push(error === 1 ? 1 : -1);
      if (i % 20 !== 0) continue;
      for (const risk of [0.2, 0.3, 0.4]) {
        const proven = differsByLess(single(differences), "error", 2 * risk - 1, 0.05);
        expect(proven).toBe(isBelowWithConfidence(trials, risk, 0.05));
      }
    }
  });

  it("contains the mean, is symmetric, and spans the full range before the first pair", () => {
    expect(differenceBounds(noPairs(1), "error", 0.05)).toEqual({ mean: null, lower: -1, upper: 1 });
    const differences = Array.from({ length: 500 }, (_, i) => (i % 25 === 0 ? 1 : i % 50 === 1 ? -1 : 0));
    const sums = single(differences);
    const found = differenceBounds(sums, "error", 0.05);
    expect(found.mean).toBeCloseTo(0.02, 10);
    expect(found.lower).toBeLessThan(0.02);
    expect(found.upper).toBeGreaterThan(0.02);
    const turned = differenceBounds(single(differences.map((d) => -d)), "error", 0.05);
    expect(turned.lower).toBeCloseTo(-found.upper, 10);
    expect(turned.upper).toBeCloseTo(-found.lower, 10);
    expect(differsByMore(sums, "error", found.lower - 1e-4, 0.05)).toBe(true);
    expect(differsByMore(sums, "error", found.lower + 1e-4, 0.05)).toBe(false);
  });

  it("does not change where every weight is multiplied", () => {
    const differences = Array.from({ length: 400 }, (_, i) => (i % 9 === 0 ? 1 : 0));
    const rare = sumPairs(
      differences.map((d, i) => pair(d, String(i), 0.02)),
      0.02,
    );
    const [found, all] = [rare, single(differences)].map((sums) => differenceBounds(sums, "error", 0.05));
    expect(found?.upper).toBeCloseTo(all?.upper as number, 5);
    expect(found?.lower).toBeCloseTo(all?.lower as number, 5);
  });

  it("is as wide as for one question a group, where the questions of a group are the same", () => {
    const differences = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const copied = sumPairs(
      differences.flatMap((d, i) => Array.from({ length: 20 }, () => pair(d, String(i)))),
      1,
    );
    const independent = single(differences.flatMap((d) => Array.from({ length: 20 }, () => d)));
    const width = (sums: PairSums) => {
      const { lower, upper } = differenceBounds(sums, "error", 0.05);
      return upper - lower;
    };
    expect(width(copied)).toBeGreaterThan(3 * width(independent));
    expect(width(copied)).toBeGreaterThan(0.8 * width(single(differences)));
  });

  it(`needs ${leastGroups} groups, however many questions they have and however much they agree`, () => {
    const of = (groups: number) =>
      sumPairs(
        Array.from({ length: 20 * groups }, (_, i) => pair(-1, String(i % groups))),
        1,
      );
    expect(differsByLess(of(leastGroups - 1), "error", 0.02, 0.05)).toBe(false);
    expect(differsByLess(of(leastGroups + 2), "error", 0.02, 0.05)).toBe(true);
  });
});
