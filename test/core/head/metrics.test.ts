import { describe, expect, it } from "vitest";
import { averagePrecisionOf, balancedAccuracyOf, confusionOf, rareClassPrecision } from "#core/head/metrics.ts";
import { seeded } from "#test/helpers/random.ts";

describe("average precision", () => {
  it("is the published example's", () => {
    // scikit-learn, average_precision_score: y_true [0, 0, 1, 1], y_scores [0.1, 0.4, 0.35, 0.8].
    expect(averagePrecisionOf([0.1, 0.4, 0.35, 0.8], [false, false, true, true])).toBeCloseTo(0.8333, 4);
  });

  it("equals Σ (recall step × precision) over the thresholds, with ties", () => {
    const random = seeded(5);
    const scores = Array.from({ length: 300 }, () => Math.floor(random() * 20) / 20);
    const positive = scores.map((score) => random() < score ** 2);
    const total = positive.filter(Boolean).length;
    let expected = 0;
    let recall = 0;
    for (const threshold of [...new Set(scores)].sort((a, b) => b - a)) {
      const found = positive.filter((_, i) => (scores[i] as number) >= threshold);
      const hits = found.filter(Boolean).length;
      expected += (hits / total - recall) * (hits / found.length);
      recall = hits / total;
    }
    expect(averagePrecisionOf(scores, positive)).toBeCloseTo(expected, 12);
  });

  it("is the share of positives for a constant score, 1 for a perfect one, and null without a positive", () => {
    expect(averagePrecisionOf([0.5, 0.5, 0.5, 0.5], [true, false, false, false])).toBe(0.25);
    expect(averagePrecisionOf([0.9, 0.8, 0.2], [true, true, false])).toBe(1);
    expect(averagePrecisionOf([0.9, 0.8], [false, false])).toBeNull();
    expect(averagePrecisionOf([], [])).toBeNull();
  });
});

describe("the average precision of the rarer of two classes", () => {
  const scores = [0.9, 0.8, 0.7, 0.1].map((first) => [first, 1 - first]);

  it("is that of the class with fewer rows, whichever place it has", () => {
    expect(rareClassPrecision(scores, [0, 0, 0, 1])).toBe(1);
    // The last of four by the score of class 0.
    expect(rareClassPrecision(scores, [1, 1, 1, 0])).toBe(0.25);
  });

  it("is null for more than two classes, and without rows of one", () => {
    expect(rareClassPrecision([[0.2, 0.3, 0.5]], [2])).toBeNull();
    expect(rareClassPrecision(scores, [0, 0, 0, 0])).toBeNull();
    expect(rareClassPrecision([], [])).toBeNull();
  });
});

describe("the confusion matrix", () => {
  it("has a row for each true label and a column for each predicted label", () => {
    expect(confusionOf([0, 1, 1, 2, 0], [0, 0, 1, 2, 2], 3)).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [1, 0, 1],
    ]);
  });

  it("gives the balanced accuracy: the mean recall of the labels that occur", () => {
    expect(balancedAccuracyOf(confusionOf([0, 1, 1, 2, 0], [0, 0, 1, 2, 2], 4))).toBeCloseTo((0.5 + 1 + 0.5) / 3, 12);
    // Always answering the majority: 98% right, and half of it is worth nothing.
    const labels = Array.from({ length: 100 }, (_, i) => (i < 2 ? 1 : 0));
    expect(
      balancedAccuracyOf(
        confusionOf(
          labels.map(() => 0),
          labels,
          2,
        ),
      ),
    ).toBe(0.5);
    expect(balancedAccuracyOf(confusionOf([], [], 2))).toBeNull();
  });
});
