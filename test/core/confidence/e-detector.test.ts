import { describe, expect, it } from "vitest";
import { isAlarm, startDetector, updateDetector } from "#core/confidence/e-detector.ts";
import { seeded } from "#test/helpers/random.ts";

/** Draws the next observation; may depend on the time and on the observations so far. */
type World = (random: () => number, time: number, sum: number) => number;

/** −1, 0 or 1 with the given chances of 1 and −1. */
const drawn = (up: number, down: number): World => {
  return (random) => {
    const at = random();
    return at < up ? 1 : at < up + down ? -1 : 0;
  };
};

/** Runs a detector until its alarm, and returns the number of observations other than 0. */
function runLength(world: World, random: () => number, threshold: number, most = Number.POSITIVE_INFINITY): number {
  let detector = startDetector();
  let sum = 0;
  let observed = 0;
  for (let time = 0; observed < most; time++) {
    const x = world(random, time, sum);
    sum += x;
    if (x !== 0) observed++;
    detector = updateDetector(detector, x);
    if (isAlarm(detector, threshold)) break;
  }
  return observed;
}

function runLengths(world: World, threshold: number, lives: number, most?: number): number[] {
  const random = seeded(31);
  return Array.from({ length: lives }, () => runLength(world, random, threshold, most)).sort((a, b) => a - b);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const quantile = (sorted: readonly number[], level: number) => sorted[Math.floor(level * sorted.length)] as number;

describe("an e-detector", () => {
  const nulls: [string, World][] = [
    ["differences of 1", drawn(0.5, 0.5)],
    ["small differences", (random) => 0.3 * (random() - 0.5)],
    ["rare wins and frequent small losses", (random) => (random() < 0.1 ? 1 : -1 / 9)],
    ["differences that depend on those so far", (random, _, sum) => (sum > 0 ? 1 : 0.2) * (random() < 0.5 ? 1 : -1)],
  ];
  for (const [name, world] of nulls) {
    it(`raises a false alarm at most once in the stated run length, at a mean of 0: ${name}`, () => {
      const lives = 400;
      const found = mean(runLengths(world, 500, lives));
      // Three standard errors of a mean of nearly exponential run lengths.
      expect(found).toBeGreaterThan(500 * (1 - 3 / Math.sqrt(lives)));
      // Not so far above it that detection is slow for nothing.
      expect(found).toBeLessThan(1_000);
    });
  }

  it("raises far fewer false alarms at a negative mean", () => {
    expect(mean(runLengths(drawn(0.4, 0.6), 500, 50, 50_000))).toBeGreaterThan(10_000);
  });

  it("finds a change late in life as fast as one from the start", () => {
    // 40% of the observations differ from 0: a mean of 0.1 is 0.25 of those.
    const fromStart = runLengths(drawn(0.625, 0.375), 2_500, 400);
    expect(quantile(fromStart, 0.5)).toBeLessThan(140);
    expect(quantile(fromStart, 0.99)).toBeLessThan(400);
    const late: World = (random, time) => (time < 3_000 ? drawn(0.35, 0.65) : drawn(0.625, 0.375))(random, 0, 0);
    const afterChange = runLengths(late, 2_500, 400).map((length) => length - 3_000);
    expect(quantile(afterChange, 0)).toBeGreaterThan(0);
    expect(quantile(afterChange, 0.5)).toBeLessThan(140);
  });

  it("is changed by no observation of 0, and keeps its state in JSON", () => {
    const detector = updateDetector(startDetector(), 1);
    expect(updateDetector(detector, 0)).toEqual(detector);
    expect(JSON.parse(JSON.stringify(detector))).toEqual(detector);
  });

  it("equals the sum of the wealth of gamblers that started at each time", () => {
    const random = seeded(5);
    const xs = Array.from({ length: 30 }, () => 2 * random() - 1);
    const detector = xs.reduce(updateDetector, startDetector());
    const expected = [1 / 8, 1 / 4, 1 / 2].map((bet) =>
      xs.map((_, from) => xs.slice(from).reduce((wealth, x) => wealth * (1 + bet * x), 1)).reduce((a, b) => a + b),
    );
    detector.values.forEach((value, i) => void expect(value).toBeCloseTo(expected[i] as number, 9));
    const level = mean(expected);
    expect(isAlarm(detector, level * 0.999)).toBe(true);
    expect(isAlarm(detector, level * 1.001)).toBe(false);
  });

  it("refuses observations outside [−1, 1]", () => {
    for (const x of [1.1, -2, Number.NaN]) expect(() => updateDetector(startDetector(), x)).toThrow(RangeError);
  });
});
