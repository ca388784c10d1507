import { describe, expect, it } from "vitest";
import { learnsFromAbove, type PredictedAnswer, predictedThreshold } from "#core/confidence/from-above.ts";
import { acceptNothing } from "#core/confidence/rule.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { seeded } from "../../helpers/random.ts";

const target = 0.05;

function answers(n: number, errorAt: (confidence: number) => number, inclusionProbability = 1): PredictedAnswer[] {
  return Array.from({ length: n }, (_, i) => {
    const confidence = (i + 0.5) / n;
    return { confidence, error: errorAt(confidence), inclusionProbability };
  });
}

describe("the predicted threshold", () => {
  it("accepts nothing on few answers, however good they are", () => {
    expect(predictedThreshold([], target)).toEqual({ threshold: acceptNothing, predicted: null });
    expect(
      predictedThreshold(
        answers(29, () => 0),
        target,
      ).threshold,
    ).toBe(acceptNothing);
    // One error more among 24 is above four fifths of the target.
    expect(
      predictedThreshold(
        answers(24, () => 0),
        target,
      ).threshold,
    ).toBe(acceptNothing);
  });

  it("is the laxest whose mean error and a standard error are at most four fifths of the target", () => {
    const held = answers(4_000, (confidence) => (1 - confidence) / 5);
    const { threshold, predicted } = predictedThreshold(held, target);
    // Above t the mean error is (1 − t) / 10.
    expect(threshold).toBeGreaterThan(0.6);
    expect(threshold).toBeLessThan(0.62);
    expect(predicted).toBeCloseTo((1 - threshold) / 10, 3);
  });

  it("accepts nothing where the rung above disagrees everywhere", () => {
    expect(
      predictedThreshold(
        answers(4_000, () => 0.06),
        target,
      ).threshold,
    ).toBe(acceptNothing);
  });

  it("weights what the edge has accepted by the audits that see it", () => {
    const escalated = answers(2_000, () => 0.02);
    const good = predictedThreshold([...escalated, ...answers(60, () => 0, 0.03)], target);
    const bad = predictedThreshold([...escalated, ...answers(60, (c) => Number(c > 0.8), 0.03)], target);
    expect(good.threshold).toBeLessThan(0.01);
    expect(bad.threshold).toBe(acceptNothing);
  });

  it("keeps the true error below the target in most of 200 simulated audits", () => {
    const random = seeded(7);
    const errorOf = (confidence: number) => (1 - confidence) / 2;
    const trueErrors = Array.from({ length: 200 }, () => {
      const held = Array.from({ length: 400 }, (): PredictedAnswer => {
        const confidence = random();
        return { confidence, error: Number(random() < errorOf(confidence)), inclusionProbability: 1 };
      });
      const { threshold } = predictedThreshold(held, target);
      return threshold > 1 ? 0 : errorOf((1 + threshold) / 2);
    });
    const above = trueErrors.filter((error) => error > target).length;
    expect(above).toBeLessThan(30);
    expect(trueErrors.reduce((sum, error) => sum + error, 0) / 200).toBeLessThan(0.8 * target);
  });
});

describe("a version that learns from above", () => {
  const version = (originLabelWeight: number, sources: Record<string, number>) =>
    ({ policy: { originLabelWeight }, trainedOn: { sources } }) as unknown as ClassifyManifest;

  it("has no rows of its own, and gives weight to labels from above", () => {
    expect(learnsFromAbove(version(0.25, { origin: 900, human: 30 }))).toBe(true);
    expect(learnsFromAbove(version(0.25, {}))).toBe(true);
    expect(learnsFromAbove(version(0, {}))).toBe(false);
    expect(learnsFromAbove(version(0.25, { base: 5_000, origin: 900 }))).toBe(false);
  });
});
