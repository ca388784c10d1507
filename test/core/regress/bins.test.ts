import { describe, expect, it } from "vitest";
import { type Bins, binsSchema } from "#core/contract/index.ts";
import { binCount, binMean, binOf, numberAt, positionOf, shareBelow } from "#core/regress/bins.ts";
import { binNames, fitBins } from "#core/regress/fit-bins.ts";
import { seeded } from "#test/helpers/random.ts";

const bins: Bins = { edges: [-10, 0, 1, 4, 20], tails: [3, 5], sigma: 0.75 };

// The density inside a bin, integrated by the midpoint rule: nothing of the closed forms is used.
function densityAt({ edges, tails }: Bins, bin: number, x: number): number {
  const [low, high] = [edges[bin] as number, edges[bin + 1] as number];
  if (bin === 0) return Math.exp(-(high - x) / tails[0]);
  if (bin === edges.length - 2) return Math.exp(-(x - low) / tails[1]);
  return 1;
}

function integrals(bin: number, upTo: number): { share: number; mean: number } {
  const [low, high] = [bins.edges[bin] as number, bins.edges[bin + 1] as number];
  const steps = 40_000;
  let [mass, below, moment] = [0, 0, 0];
  for (let i = 0; i < steps; i++) {
    const x = low + ((i + 0.5) / steps) * (high - low);
    const density = densityAt(bins, bin, x);
    mass += density;
    moment += density * x;
    if (x < upTo) below += density;
  }
  return { share: below / mass, mean: moment / mass };
}

describe("bins", () => {
  it("find every number's bin, and take what lies beyond the ends", () => {
    const cases: [number, number][] = [
      ...([
        [-1e9, 0],
        [-10, 0],
        [-0.001, 0],
        [0, 1],
        [0.999, 1],
      ] as [number, number][]),
      ...([
        [1, 2],
        [3.999, 2],
        [4, 3],
        [20, 3],
        [1e9, 3],
      ] as [number, number][]),
    ];
    expect(cases.map(([value]) => binOf(bins, value))).toEqual(cases.map(([, bin]) => bin));
  });

  it("agree with numerical integration on the mass below a number and on the mean", () => {
    for (let bin = 0; bin < binCount(bins); bin++) {
      const [low, high] = [bins.edges[bin] as number, bins.edges[bin + 1] as number];
      for (const part of [0.1, 0.5, 0.93]) {
        const value = low + part * (high - low);
        const { share, mean } = integrals(bin, value);
        expect(shareBelow(bins, bin, value, true)).toBeCloseTo(share, 3);
        expect(binMean(bins, bin)).toBeCloseTo(mean, 3);
        expect(numberAt(bins, bin, shareBelow(bins, bin, value, true))).toBeCloseTo(value, 9);
      }
      expect([low, high].map((value) => shareBelow(bins, bin, value, true))).toEqual([0, 1]);
    }
    expect(positionOf(bins, -1e9)).toBe(0);
    expect(positionOf(bins, 1e9)).toBe(4);
  });

  it("have all the mass of an atom at one number", () => {
    const withAtom: Bins = { edges: [-1, 0, 1, 4, 20], tails: [3, 5], sigma: 1, atoms: [null, 0, null, null] };
    expect([-0.5, 0, 0.5].map((value) => shareBelow(withAtom, 1, value, true))).toEqual([0, 1, 1]);
    expect([0, 0.5].map((value) => shareBelow(withAtom, 1, value, false))).toEqual([0, 1]);
    expect(numberAt(withAtom, 1, 0.3)).toBe(0);
    expect(binMean(withAtom, 1)).toBe(0);
    expect(positionOf(withAtom, 0.7)).toBe(1.5);
  });
});

describe("fitted bins", () => {
  const random = seeded(4);
  const skewed = Array.from({ length: 5_000 }, () => Math.round(100 * Math.exp(3 * random())) / 100);

  it("are valid, cover the targets, and leave no bin without rows", () => {
    for (const targets of [skewed, skewed.map((value) => -value), Array.from({ length: 500 }, (_, i) => i % 7)]) {
      const fitted = fitBins(targets);
      expect(binsSchema.safeParse(fitted).success).toBe(true);
      const counts = new Array<number>(binCount(fitted)).fill(0);
      for (const value of targets) counts[binOf(fitted, value)] = (counts[binOf(fitted, value)] ?? 0) + 1;
      expect(Math.min(...counts)).toBeGreaterThan(0);
      expect([fitted.edges[0], fitted.edges.at(-1)]).toEqual([Math.min(...targets), Math.max(...targets)]);
    }
  });

  it("put the median of an end bin's mass at the median of its targets", () => {
    const fitted = fitBins(skewed);
    const last = binCount(fitted) - 1;
    const inLast = skewed.filter((value) => binOf(fitted, value) === last).sort((a, b) => a - b);
    const median = inLast[Math.floor((inLast.length - 1) / 2)] as number;
    expect(shareBelow(fitted, last, median, true)).toBeCloseTo(0.5, 3);
  });

  it("give a number that many targets have a bin of its own", () => {
    const half = skewed.map((value, i) => (i % 2 === 0 ? 0 : value));
    const fitted = fitBins(half);
    expect(fitted.atoms?.filter((atom) => atom !== null)).toEqual([0]);
    expect(binNames(fitted)[0]).toBe("0");
  });

  it("make few bins of few rows, and refuse targets that are all the same or not finite", () => {
    expect(binCount(fitBins(skewed.slice(0, 100)))).toBe(5);
    expect(() => fitBins([3, 3, 3])).toThrow(RangeError);
    expect(() => fitBins([3, Number.NaN, 4])).toThrow(RangeError);
    expect(() => fitBins([])).toThrow(RangeError);
  });

  it("have names that are all different, and the end bins open ones", () => {
    const names = binNames(fitBins(skewed));
    expect(new Set(names).size).toBe(names.length);
    expect(names[0]).toMatch(/^below /);
    expect(names.at(-1)).toMatch(/ or more$/);
  });
});
