import { describe, expect, it } from "vitest";
import type { Bins } from "#core/contract/index.ts";
import { numberAt } from "#core/regress/bins.ts";
import {
  distributionOf,
  meanOf,
  medianOf,
  probabilityBelow,
  probabilityUpTo,
  probabilityWithin,
  quantileOf,
} from "#core/regress/distribution.ts";
import { seeded } from "#test/helpers/random.ts";

const bins: Bins = { edges: [-4, 0, 1, 3, 9], tails: [1.5, 2], sigma: 0.75 };
const scores = [0.2, 0.1, 0.4, 0.3];
const distribution = distributionOf(bins, scores);

// A large sample of the distribution: a bin by its score, then a number by its mass.
const random = seeded(17);
const sample = Float64Array.from({ length: 200_000 }, () => {
  let draw = random();
  const bin = scores.findIndex((score) => {
    draw -= score;
    return draw < 0;
  });
  return numberAt(bins, bin < 0 ? 3 : bin, random());
}).sort();

describe("a distribution over bins", () => {
  it("has the median, mean and quantiles of a sample of it", () => {
    const { length } = sample;
    expect(medianOf(distribution)).toBeCloseTo(sample[length / 2] as number, 1);
    expect(meanOf(distribution)).toBeCloseTo(sample.reduce((sum, value) => sum + value, 0) / length, 1);
    for (const share of [0.05, 0.25, 0.65, 0.95]) {
      expect(Math.abs(quantileOf(distribution, share) - (sample[share * length] as number))).toBeLessThan(0.05);
    }
  });

  it("has the mass within a tolerance of a sample of it", () => {
    for (const [value, tolerance] of [
      [2, 1.5],
      [0, 0.5],
      [-2, 3],
      [8, 4],
    ] as [number, number][]) {
      const share = sample.filter((one) => Math.abs(one - value) <= tolerance).length / sample.length;
      expect(probabilityWithin(distribution, value, tolerance)).toBeCloseTo(share, 2);
    }
  });

  it("is monotone, with all its mass between the ends", () => {
    let before = 0;
    for (let value = -6; value < 12; value += 0.05) {
      const upTo = probabilityUpTo(distribution, value);
      expect(upTo).toBeGreaterThanOrEqual(before);
      before = upTo;
    }
    expect([probabilityUpTo(distribution, -4.1), probabilityUpTo(distribution, 9)]).toEqual([0, 1]);
    expect([quantileOf(distribution, 0), quantileOf(distribution, 1)]).toEqual([-4, 9]);
  });

  it("jumps at an atom, where the median stays", () => {
    const withAtom = distributionOf(
      { ...bins, edges: [-4, -1, 1, 3, 9], atoms: [null, 0, null, null] },
      [0.25, 0.5, 0.125, 0.125],
    );
    expect([probabilityBelow(withAtom, 0), probabilityUpTo(withAtom, 0)]).toEqual([0.25, 0.75]);
    expect([0.26, 0.5, 0.75].map((share) => quantileOf(withAtom, share))).toEqual([0, 0, 0]);
    expect(medianOf(withAtom)).toBe(0);
    expect(probabilityWithin(withAtom, 0, 0)).toBeCloseTo(0.5, 12);
  });

  it("reads scores that do not sum to 1 as shares", () => {
    const doubled = distributionOf(
      bins,
      scores.map((score) => 2 * score),
    );
    expect(meanOf(doubled)).toBeCloseTo(meanOf(distribution), 12);
  });
});
