import { describe, expect, it } from "vitest";
import { aimFor, type ControlLabel, updateThreshold } from "#core/confidence/control.ts";
import { seededRandom } from "#origin/random.ts";

const settings = { aim: 0.1, floor: 0.5, minInclusionProbability: 1 };
const accepted = { accepted: true, inclusionProbability: 1 };

describe("the online control of the threshold", () => {
  it("rises for an accepted error, and falls by a smaller step for an accepted correct answer", () => {
    expect(updateThreshold(0.8, { ...accepted, right: false }, settings)).toBeCloseTo(0.8 + 0.02 * 0.9, 12);
    expect(updateThreshold(0.8, { ...accepted, right: true }, settings)).toBeCloseTo(0.8 - 0.02 * 0.1, 12);
    expect(updateThreshold(0.8, { ...accepted, right: true }, { ...settings, rate: 0.2 })).toBeCloseTo(0.78, 12);
  });

  it("weights an audited label by its inverse inclusion probability, with steps of at most the learning rate", () => {
    const audited = { ...settings, minInclusionProbability: 0.02 };
    const step = (inclusionProbability: number) =>
      updateThreshold(0.8, { accepted: true, right: false, inclusionProbability }, audited) - 0.8;
    expect(step(0.02)).toBeCloseTo(0.02 * 0.9, 12);
    expect(step(0.02) / step(1)).toBeCloseTo(50, 6);
  });

  it("ignores escalated questions until it has closed", () => {
    for (const right of [true, false]) {
      expect(updateThreshold(0.9, { accepted: false, right, inclusionProbability: 1 }, settings)).toBe(0.9);
    }
    expect(updateThreshold(1.01, { accepted: false, right: false, inclusionProbability: 1 }, settings)).toBe(1.01);
    expect(updateThreshold(1.01, { accepted: false, right: true, inclusionProbability: 1 }, settings)).toBeCloseTo(
      1.008,
      12,
    );
    expect(
      updateThreshold(0.95, { accepted: false, right: true, inclusionProbability: 1 }, { ...settings, ceiling: 0.9 }),
    ).toBeLessThan(0.95);
  });

  it("stays between the lowest possible confidence and one step above the highest", () => {
    expect(updateThreshold(0.5, { ...accepted, right: true }, settings)).toBe(0.5);
    let threshold = 0.99;
    for (let late = 0; late < 20; late++)
      threshold = updateThreshold(threshold, { ...accepted, right: false }, settings);
    expect(threshold).toBeCloseTo(1.018, 12);
    let needed = 0;
    for (; threshold > 1; needed++)
      threshold = updateThreshold(threshold, { accepted: false, right: true, inclusionProbability: 1 }, settings);
    expect(needed).toBeLessThanOrEqual(10);
  });

  describe("under a planted drift", () => {
    // Confidence is uniform in [0.5, 1); half-way, the model errs three times as often as its confidence says.
    type Follow = (threshold: number, label: ControlLabel) => number;
    function meanErrors(plan: { accepted: number; audit: number }, next: Follow, questions: number) {
      const random = seededRandom(19);
      let threshold = 0.7;
      const halves = [
        { accepted: 0, errors: 0 },
        { accepted: 0, errors: 0 },
      ];
      for (let i = 0; i < questions; i++) {
        const late = i >= questions / 2;
        const confidence = 0.5 + random() / 2;
        const right = random() >= (late ? 1.2 : 0.4) * (1 - confidence);
        const isAccepted = confidence >= threshold;
        if (isAccepted) {
          const half = halves[late ? 1 : 0] as (typeof halves)[number];
          half.accepted++;
          if (!right) half.errors++;
        }
        // The least confident of the accepted are labelled for certain, the others by audit.
        const inclusionProbability = !isAccepted || confidence < threshold + plan.accepted ? 1 : plan.audit;
        if (random() < inclusionProbability)
          threshold = next(threshold, { accepted: isAccepted, right, inclusionProbability });
      }
      return halves.map((half) => half.errors / half.accepted);
    }

    it("keeps the mean error of accepted answers at the aim: complete labels, an audit of 2%, both", () => {
      for (const plan of [
        { accepted: 1, audit: 1 },
        { accepted: 0, audit: 0.02 },
        { accepted: 0.02, audit: 0.02 },
      ]) {
        const { audit } = plan;
        const means = meanErrors(
          plan,
          (t, label) => updateThreshold(t, label, { aim: 0.06, floor: 0.5, minInclusionProbability: audit }),
          4e6,
        );
        for (const mean of means) expect(Math.abs(mean - 0.06)).toBeLessThan(0.006);
      }
    });

    it("settles above it if long steps are cut, and below it if inclusion probabilities are ignored", () => {
      const cut: Follow = (threshold, { accepted, right, inclusionProbability }) => {
        if (!accepted && !(threshold > 1 && right)) return threshold;
        const step = (0.02 * (right ? -0.06 : 0.94)) / inclusionProbability;
        return Math.min(1.2, Math.max(0.5, threshold + Math.max(-0.2, Math.min(0.2, step))));
      };
      for (const mean of meanErrors({ accepted: 0, audit: 0.02 }, cut, 4e5)) expect(mean).toBeGreaterThan(0.08);
      const uncounted: Follow = (threshold, label) =>
        updateThreshold(threshold, { ...label, inclusionProbability: 1 }, { ...settings, aim: 0.06 });
      for (const mean of meanErrors({ accepted: 0.02, audit: 0.02 }, uncounted, 4e5)) expect(mean).toBeLessThan(0.05);
    });
  });

  it("aims below the target by the uncertainty, at most by half the target", () => {
    expect(aimFor({ mean: null, bound: 1 }, 0.1)).toBe(0.05);
    expect(aimFor({ mean: 0.04, bound: 0.2 }, 0.1)).toBe(0.05);
    expect(aimFor({ mean: 0.06, bound: 0.08 }, 0.1)).toBeCloseTo(0.08, 12);
    expect(aimFor({ mean: 0.09, bound: 0.09001 }, 0.1)).toBeCloseTo(0.1, 4);
    expect(aimFor({ mean: 0.09, bound: 0.09 }, 0.1)).toBe(0.1);
  });
});
