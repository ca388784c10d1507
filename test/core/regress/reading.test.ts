import { describe, expect, it } from "vitest";
import type { Bins } from "#core/contract/index.ts";
import { distributionOf } from "#core/regress/distribution.ts";
import { fitReach, fitWithin } from "#core/regress/fit-reading.ts";
import { conformityOf, reachFor } from "#core/regress/interval.ts";
import { isWithin, readNumber, unread } from "#core/regress/read.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import { calibratedWithin, calibrateWithin, uncalibratedWithin, type WithinCalibration } from "#core/regress/within.ts";
import { seeded } from "#test/helpers/random.ts";

const bins: Bins = { edges: Array.from({ length: 21 }, (_, i) => 2 * i - 20), tails: [1, 1], sigma: 0.75 };
const task = { bins, tolerance: 3, coverage: 0.9 };

/** A world that predicts a spread of its own, which is not that of the truths; each group shares a shift. */
function rowsOf(groups: number, each: number, seed: number, shock = 0.5) {
  const random = seeded(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const rows = Array.from({ length: groups }, (_, group) => {
    const shift = shock * normal();
    return Array.from({ length: each }, () => {
      const centre = 10 * (random() - 0.5);
      const spread = 1 + 2 * random();
      const mass = (value: number) => Math.exp(-(((value - centre) / (1.6 * spread)) ** 2) / 2);
      const scores = bins.edges.slice(0, -1).map((edge) => mass(edge + 1) + 1e-9);
      const total = scores.reduce((sum, score) => sum + score, 0);
      return {
        scores: scores.map((score) => score / total),
        truth: centre + shift + spread * normal(),
        group: `${group}`,
      };
    });
  }).flat();
  return {
    scores: rows.map(({ scores }) => scores),
    labels: rows.map(({ truth }) => softLabelOf(bins, truth)),
    groups: rows.map(({ group }) => group),
    truths: rows.map(({ truth }) => truth),
  };
}

describe("the calibration of the mass within the tolerance", () => {
  it("gives, of new rows, the probability of being within", () => {
    const known = rowsOf(100, 20, 1);
    const within = fitWithin(task, known);
    const next = rowsOf(400, 20, 2);
    const largestGap = (calibration: WithinCalibration) => {
      const read = next.scores.map((row, i) => {
        const { value, confidence } = readNumber(task, { within: calibration, reach: null }, row);
        return { confidence, right: isWithin(value, next.truths[i] as number, 3) };
      });
      const sorted = read.sort((a, b) => a.confidence - b.confidence);
      const gaps = Array.from({ length: 5 }, (_, part) => {
        const some = sorted.slice((part * sorted.length) / 5, ((part + 1) * sorted.length) / 5);
        const mean = some.reduce((sum, { confidence }) => sum + confidence, 0) / some.length;
        return Math.abs(mean - some.filter((one) => one.right).length / some.length);
      });
      return Math.max(...gaps);
    };
    expect(largestGap(within)).toBeLessThan(0.08);
    expect(largestGap(uncalibratedWithin)).toBeGreaterThan(0.12);
  });

  it("minimises the penalised log-loss, as a grid search does", () => {
    const random = seeded(9);
    const masses = Array.from({ length: 150 }, random);
    const hits = masses.map((mass) => random() < 0.2 + 0.7 * mass);
    const found = calibrateWithin(masses, hits);
    const loss = (offset: number, slope: number) =>
      masses.reduce(
        (sum, mass, i) => {
          const p = calibratedWithin(mass, { offset, slope });
          return sum - Math.log(hits[i] ? p : 1 - p);
        },
        (offset ** 2 + Math.log(slope) ** 2) / (2 * 0.3 ** 2),
      );
    for (let offset = -1; offset <= 1; offset += 0.02) {
      for (let slope = 0.3; slope < 3; slope += 0.02) {
        expect(loss(found.offset, found.slope)).toBeLessThanOrEqual(loss(offset, slope) + 1e-9);
      }
    }
  });

  it("changes nothing without rows, and keeps the order of answers", () => {
    expect(calibrateWithin([], [])).toEqual(uncalibratedWithin);
    const calibration = calibrateWithin([0.9, 0.8, 0.1], [false, false, true]);
    expect(calibration.slope).toBeGreaterThan(0);
    expect([0, 1].map((mass) => Number.isFinite(calibratedWithin(mass, calibration)))).toEqual([true, true]);
  });
});

describe("intervals", () => {
  it("cover new groups with at least the probability asked for, on average over calibrations", () => {
    let covered = 0;
    let all = 0;
    for (let seed = 0; seed < 60; seed++) {
      const reach = fitReach(task, rowsOf(30, 5, 100 + seed, 1.5)) as number;
      const next = rowsOf(20, 5, 900 + seed, 1.5);
      for (const [i, row] of next.scores.entries()) {
        const [low, high] = readNumber(task, { ...unread, reach }, row).interval as [number, number];
        covered += Number((next.truths[i] as number) >= low && (next.truths[i] as number) <= high);
        all++;
      }
    }
    expect(covered / all).toBeGreaterThan(0.89);
    expect(covered / all).toBeLessThan(0.96);
  });

  it("take the usual quantile of split conformal where each group has one row", () => {
    const scores = Array.from({ length: 19 }, (_, i) => ({ score: (i + 1) / 50, group: `${i}` }));
    // ⌈0.9 · 20⌉ = 18: the eighteenth smallest.
    expect(reachFor(scores, 0.9)).toBe(18 / 50);
    expect(reachFor(scores, 0.96)).toBeNull();
    expect(reachFor(scores.slice(0, 8), 0.9)).toBeNull();
    expect(reachFor([], 0.9)).toBeNull();
  });

  it("contain exactly the numbers whose conformity is at most the reach", () => {
    const scores = bins.edges.slice(1).map((_, i) => 1 + (i % 4));
    const distribution = distributionOf(bins, scores);
    const [low, high] = readNumber(task, { ...unread, reach: 0.35 }, scores).interval as [number, number];
    for (let value = -19; value < 19; value += 0.11) {
      if (Math.min(Math.abs(value - low), Math.abs(value - high)) < 0.02) continue;
      expect(conformityOf(distribution, value) <= 0.35).toBe(value >= low && value <= high);
    }
  });
});

describe("an answer", () => {
  it("is within the tolerance by what is written, not by its binary form", () => {
    expect(isWithin(24.3, 21.3, 3)).toBe(true);
    expect(isWithin(0.3, 0.1, 0.2)).toBe(true);
    expect(isWithin(24.31, 21.3, 3)).toBe(false);
  });

  it("is rounded to a hundredth of the tolerance, its interval outwards", () => {
    const scores = bins.edges.slice(1).map((_, i) => (i === 9 ? 3 : i === 10 ? 2 : 0.01));
    const { value, mean, interval } = readNumber(task, { ...unread, reach: 0.4 }, scores);
    for (const number of [value, mean, ...(interval as number[])]) expect(Math.round(number * 100) / 100).toBe(number);
    expect((interval as number[])[0]).toBeLessThanOrEqual(value);
    expect((interval as number[])[1]).toBeGreaterThanOrEqual(value);
  });
});
