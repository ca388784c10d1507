import { describe, expect, it } from "vitest";
import { accepts, certifyRule, type GradedAnswer, thresholdGrid, validationThreshold } from "#core/confidence/rule.ts";
import { seeded } from "#test/helpers/random.ts";

const window = { from: "2025-01-01", to: "2025-12-31" };
const options = { targetRisk: 0.1, delta: 0.05, source: "truth", scope: "global", window } as const;

describe("the published rule", () => {
  // Confidence says the truth up to a shift: P(right) = confidence − 0.03.
  const draw = (random: () => number, n: number): GradedAnswer[] =>
    Array.from({ length: n }, () => {
      const confidence = 0.5 + random() / 2;
      return { confidence, right: random() < confidence - 0.03 };
    });
  // The true error above a threshold t, by the closed form of that world.
  const trueRisk = (t: number) => 1 - ((t + 1) / 2 - 0.03);

  it("is above the true risk in at most delta of many lives, and is issued in most", () => {
    const lives = 2_000;
    const random = seeded(17);
    let broken = 0;
    let issued = 0;
    for (let life = 0; life < lives; life++) {
      const rule = certifyRule(thresholdGrid(draw(random, 400)), draw(random, 2_500), { ...options, targetRisk: 0.15 });
      if (!rule.certificate) continue;
      issued++;
      if (trueRisk(rule.threshold) > 0.15) broken++;
    }
    const samplingError = 3 * Math.sqrt((0.05 * 0.95) / lives);
    expect(broken / lives).toBeLessThanOrEqual(0.05 + samplingError);
    expect(issued / lives).toBeGreaterThan(0.8);
  });

  it("certifies a risk just above the target in at most delta of many lives, for any number of thresholds", () => {
    const lives = 2_000;
    const random = seeded(31);
    let broken = 0;
    for (let life = 0; life < lives; life++) {
      // Confidence says nothing here: at every threshold the risk is a hair above the target.
      const judged = Array.from({ length: 400 }, () => ({ confidence: random(), right: random() > 0.1001 }));
      if (certifyRule(thresholdGrid(judged), judged, options).certificate) broken++;
    }
    expect(broken / lives).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / lives));
  });

  it("tests at level delta, and stops at the first threshold that fails", () => {
    const judged = (confidence: number, n: number, errors: number): GradedAnswer[] =>
      Array.from({ length: n }, (_, i) => ({ confidence, right: i >= errors }));
    // Binomial(100, 0.1): P(X ≤ 4) = 0.0237 and P(X ≤ 5) = 0.0576.
    expect(certifyRule([0.9], judged(0.9, 100, 4), options).threshold).toBe(0.9);
    expect(certifyRule([0.9], judged(0.9, 100, 5), options).certificate).toBeNull();
    // The strictest has too few labels to pass; that a laxer one would does not count.
    const lax = [...judged(0.9, 10, 1), ...judged(0.8, 500, 1)];
    expect(certifyRule([0.8], lax, options).threshold).toBe(0.8);
    expect(certifyRule([0.9, 0.8], lax, options).certificate).toBeNull();
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

  it("accepts and certifies nothing where even the most confident answers are wrong too often", () => {
    const judged = draw(seeded(3), 2_000).map((question) => ({ ...question, right: false }));
    const rule = certifyRule(thresholdGrid(judged), judged, options);
    expect(rule.certificate).toBeNull();
    expect(accepts(rule, 1)).toBe(false);
  });

  it("says what its certificate rests on", () => {
    const judged = draw(seeded(4), 3_000).map((question) => ({ ...question, right: true }));
    const { certificate, threshold } = certifyRule(thresholdGrid(judged), judged, options);
    expect(certificate).toEqual({
      ...{
        targetRisk: 0.1,
        confidence: 0.95,
        bound: 0.1,
        coverage: 1,
        labels: 3_000,
        source: "truth",
        scope: "global",
      },
      window,
    });
    expect(judged.every(({ confidence }) => accepts({ threshold }, confidence))).toBe(true);
  });

  it("in a region starts at the lowest threshold that validation supports", () => {
    const judged: GradedAnswer[] = [0.9, 0.8, 0.7, 0.6].map((confidence, i) => ({ confidence, right: i !== 3 }));
    expect(validationThreshold(thresholdGrid(judged), judged, 0.1)).toBe(0.7);
    expect(validationThreshold([], [], 0.1)).toBeGreaterThan(1);
  });
});
