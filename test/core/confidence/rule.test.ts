import { describe, expect, it } from "vitest";
import { type GradedAnswer, thresholdGrid, validationThreshold } from "#core/confidence/rule.ts";
import { seeded } from "#test/helpers/random.ts";

describe("the published rule", () => {
  // Confidence says the truth up to a shift: P(right) = confidence − 0.03.
  const draw = (random: () => number, n: number): GradedAnswer[] =>
    Array.from({ length: n }, () => {
      const confidence = 0.5 + random() / 2;
      return { confidence, right: random() < confidence - 0.03 };
    });

  it("tries at most twenty observed confidences as thresholds, highest first", () => {
    const random = seeded(8);
    const judged = draw(random, 333);
    const grid = thresholdGrid(judged);
    const seen = new Set(judged.map(({ confidence }) => confidence));
    expect(grid).toHaveLength(20);
    expect(grid).toEqual([...grid].sort((a, b) => b - a));
    expect(grid.every((threshold) => seen.has(threshold))).toBe(true);
    expect(grid.at(-1)).toBe(Math.min(...seen));
    expect(thresholdGrid([])).toEqual([]);
  });

  it("in a region starts at the lowest threshold that validation supports", () => {
    const judged: GradedAnswer[] = [0.9, 0.8, 0.7, 0.6].map((confidence, i) => ({ confidence, right: i !== 3 }));
    expect(validationThreshold(thresholdGrid(judged), judged, 0.1)).toBe(0.7);
    expect(validationThreshold([], [], 0.1)).toBeGreaterThan(1);
  });
});
