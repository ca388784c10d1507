import { describe, expect, it } from "vitest";
import { binomialTail } from "#core/confidence/binomial.ts";
import { answersToPass, type GroupCounts, isRiskBelow, marginOf } from "#core/confidence/group-test.ts";

const levels = { exact: 0.05, t: 0.05 };

function counts(groups: [answers: number, errors: number][]): GroupCounts {
  return {
    answers: Float64Array.from(groups, ([answers]) => answers),
    errors: Float64Array.from(groups, ([, errors]) => errors),
  };
}

/** Repeats groups until there are n. */
function repeat(n: number, groups: [number, number][]): GroupCounts {
  return counts(Array.from({ length: n }, (_, i) => groups[i % groups.length] as [number, number]));
}

describe("the test of a risk over groups", () => {
  it("rejects by Student's t of the group sums", () => {
    // Sums at target 0.1 over eight groups of 50: −5, −5, 5 − 5 = 0, … The mean is −2.5 and the variance 50/7.
    const even = repeat(8, [
      [50, 0],
      [50, 5],
    ]);
    // t = −2.5/√(50/7/8) = −2.646 with 7 degrees of freedom: P = 0.0165.
    expect(isRiskBelow(even, 0.1, { exact: 0.05, t: 0.017 })).toBe(true);
    expect(isRiskBelow(even, 0.1, { exact: 0.05, t: 0.016 })).toBe(false);
    expect(marginOf(even, 0.1)).toBeCloseTo(2.5 / Math.sqrt(50 / 7 / 8), 12);
  });

  it("fails where errors come in few groups, which independent rows would pass", () => {
    const shocked = counts([...Array.from({ length: 39 }, (): [number, number] => [50, 0]), [50, 45]]);
    expect(binomialTail(45, 2_000, 0.05)).toBeLessThan(1e-9);
    expect(isRiskBelow(shocked, 0.05, levels)).toBe(false);
  });

  it("without an error takes as many answers as the exact test does", () => {
    expect(answersToPass(0.05, 0.05)).toBe(59);
    expect(isRiskBelow(repeat(59, [[1, 0]]), 0.05, levels)).toBe(true);
    expect(isRiskBelow(repeat(58, [[1, 0]]), 0.05, levels)).toBe(false);
  });

  it("counts groups without an answer, but gives no degree of freedom for them", () => {
    const groups: [number, number][] = [
      [200, 2],
      [200, 3],
    ];
    const idle = Array.from({ length: 38 }, (): [number, number] => [0, 0]);
    expect(isRiskBelow(counts([[400, 5], ...idle]), 0.1, levels)).toBe(false);
    expect(isRiskBelow(counts([...groups, ...idle]), 0.1, levels)).toBe(false);
    expect(isRiskBelow(counts(idle), 0.1, levels)).toBe(false);
    expect(marginOf(counts(idle), 0.1)).toBe(0);
  });
});
