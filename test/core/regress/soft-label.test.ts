import { describe, expect, it } from "vitest";
import type { Bins } from "#core/contract/index.ts";
import { addRow, emptySums, sharesIn } from "#core/head/sums.ts";
import { binCount, binOf, positionOf } from "#core/regress/bins.ts";
import { distributionOf, medianOf } from "#core/regress/distribution.ts";
import { fitBins } from "#core/regress/fit-bins.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import { seeded } from "#test/helpers/random.ts";

const bins: Bins = { edges: [0, 1, 2, 3, 4, 5, 6, 7, 8], tails: [0.4, 0.4], sigma: 0.75 };

function shareOf(value: number, of: Bins = bins): number[] {
  const { first, shares } = softLabelOf(of, value);
  return Array.from({ length: binCount(of) }, (_, bin) => shares[bin - first] ?? 0);
}

// The standard normal density, integrated by the midpoint rule.
function normalMass(from: number, to: number): number {
  const [low, high] = [Math.max(-9, from), Math.min(9, to)];
  const steps = 4_000;
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += Math.exp(-((low + ((i + 0.5) * (high - low)) / steps) ** 2) / 2);
  return high > low ? (sum * (high - low)) / steps / Math.sqrt(2 * Math.PI) : 0;
}

describe("soft labels", () => {
  it("are whole shares that sum to 256, also beyond the ends", () => {
    const random = seeded(8);
    for (let i = 0; i < 2_000; i++) {
      const { first, shares } = softLabelOf(bins, 12 * random() - 2);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(256);
      expect(shares.every((share) => Number.isInteger(share) && share >= 0)).toBe(true);
      expect([first >= 0, first + shares.length <= 8, shares[0] === 0, shares.at(-1) === 0]).toEqual([
        true,
        true,
        false,
        false,
      ]);
    }
  });

  it("are within a share of the normal distribution around the number", () => {
    for (const value of [1.1, 2.5, 3.9, 4, 6.8]) {
      const position = positionOf(bins, value);
      const exact = Array.from({ length: 8 }, (_, bin) => {
        const [from, to] = [bin === 0 ? -99 : bin, bin === 7 ? 99 : bin + 1];
        return 256 * normalMass((from - position) / bins.sigma, (to - position) / bins.sigma);
      });
      for (const [bin, share] of shareOf(value).entries())
        expect(Math.abs(share - (exact[bin] as number))).toBeLessThan(1.01);
    }
  });

  it("leave the number where it is: it is their median, but in the end bins", () => {
    for (let value = 1.2; value < 6.8; value += 0.137) {
      const median = medianOf(distributionOf(bins, shareOf(value)));
      expect(Math.abs(median - value)).toBeLessThan(0.1);
    }
  });

  it("never spread to an atom, nor from one", () => {
    const withAtom: Bins = { ...bins, atoms: [null, null, null, 3.5, null, null, null, null] };
    expect(shareOf(3.2, withAtom)).toEqual([0, 0, 0, 256, 0, 0, 0, 0]);
    expect(shareOf(2.9, withAtom)[3]).toBe(0);
    expect(
      shareOf(2.9, withAtom)
        .slice(0, 3)
        .reduce((sum, share) => sum + share),
    ).toBe(256);
    expect(shareOf(4.1, withAtom).slice(0, 4)).toEqual([0, 0, 0, 0]);
  });
});

describe("sums of soft labels", () => {
  const random = seeded(3);
  const width = 5;
  const targets = Array.from({ length: 400 }, () => 40 * random() - 5);
  const fitted = fitBins(targets, { bins: 12 });
  const rows = targets.map((value) => ({
    vector: Int16Array.from({ length: width }, () => Math.floor(random() * 65_536) - 32_768),
    label: softLabelOf(fitted, value),
    weight: random() < 0.3 ? 1 : 4,
  }));
  const classes = binCount(fitted);
  const sumOf = (some: typeof rows) => {
    const sums = emptySums(width, classes);
    for (const row of some) addRow(sums, row);
    return sums;
  };

  it("are the exact integers, in any order", () => {
    const exact = Array.from({ length: (width + 1) * classes }, (_, at) => {
      const [i, bin] = [Math.floor(at / classes), at % classes];
      return rows.reduce((sum, { vector, label, weight }) => {
        const share = label.shares[bin - label.first] ?? 0;
        return sum + BigInt(weight) * BigInt(i < width ? (vector[i] as number) : 1) * BigInt(share);
      }, 0n);
    });
    const sums = sumOf(rows);
    expect(Array.from(sums.values.slice(-exact.length), BigInt)).toEqual(exact);
    expect(sumOf(rows.toReversed()).values).toEqual(sums.values);
    expect(sharesIn(sums)).toBe(256);
  });

  it("lose a row without a trace", () => {
    const sums = sumOf(rows);
    for (const row of rows.slice(100)) addRow(sums, { ...row, weight: -row.weight });
    expect(sums.values).toEqual(sumOf(rows.slice(0, 100)).values);
    for (const row of rows.slice(0, 100)) addRow(sums, { ...row, weight: -row.weight });
    expect(sums.values.every((value) => value === 0)).toBe(true);
    expect(sharesIn(sums)).toBe(1);
  });

  it("put each number into the bin that it is in", () => {
    const values = [-5, 0.3, 12.7, 34];
    expect(values.map((value) => binOf(fitted, value))).toEqual(
      values.map((value) => fitted.edges.slice(1, -1).filter((edge) => value >= edge).length),
    );
  });
});
