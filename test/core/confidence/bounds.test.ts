import { describe, expect, it } from "vitest";
import { errorBounds, isAboveWithConfidence, isBelowWithConfidence } from "#core/confidence/bounds.ts";
import { addTrial, noTrials, repeatTrials, type Trials } from "#core/confidence/trials.ts";
import { seededRandom } from "#origin/random.ts";

const delta = 0.05;

/** The sums of `labels` trials of one π, of which `errors` were wrong. */
function uniformTrials(
  labels: number,
  errors: number,
  inclusionProbability = 1,
  minInclusionProbability = inclusionProbability,
): Trials {
  const wrong = repeatTrials(addTrial(noTrials(minInclusionProbability), { inclusionProbability, error: 1 }), errors);
  const right = repeatTrials(
    addTrial(noTrials(minInclusionProbability), { inclusionProbability, error: 0 }),
    labels - errors,
  );
  return sum(wrong, right);
}

function sum(a: Trials, b: Trials): Trials {
  return {
    labels: a.labels + b.labels,
    errors: a.errors + b.errors,
    weight: a.weight + b.weight,
    weightedErrors: a.weightedErrors + b.weightedErrors,
    weight2: a.weight2 + b.weight2,
    weightedErrors2: a.weightedErrors2 + b.weightedErrors2,
    minInclusionProbability: a.minInclusionProbability,
  };
}

/** The chance that a bound is ever wrong in `labels` looks at a constant error: every path summed, nothing sampled. */
function everWrong(excludes: typeof isBelowWithConfidence, risk: number, labels: number): number {
  let paths = new Float64Array(labels + 2);
  paths[0] = 1;
  let wrong = 0;
  for (let n = 1; n <= labels; n++) {
    const next = new Float64Array(labels + 2);
    for (let errors = 0; errors <= n; errors++) {
      const chance = (paths[errors] as number) * (1 - risk) + (errors > 0 ? (paths[errors - 1] as number) * risk : 0);
      if (chance < 1e-14) continue;
      if (excludes(uniformTrials(n, errors), risk, delta)) wrong += chance;
      else next[errors] = chance;
    }
    paths = next;
  }
  return wrong;
}

describe("the bounds of the running mean error", () => {
  it("exclude the true risk with a probability of at most delta and at least a tenth of it, counted exactly", () => {
    for (const risk of [0.02, 0.1, 0.3]) {
      for (const excludes of [isBelowWithConfidence, isAboveWithConfidence]) {
        expect(everWrong(excludes, risk, 1_000)).toBeLessThan(delta);
      }
      expect(everWrong(isBelowWithConfidence, risk, 1_000)).toBeGreaterThan(delta / 10);
    }
  });

  it("are within the stated distances of a true error of 0.08 at 2,000 labels", () => {
    const random = seededRandom(5);
    const distances = ([complete, audited, minInclusionProbability]: readonly [number, number, number]) => {
      const samples = 100;
      let above = 0;
      let below = 0;
      for (let i = 0; i < samples; i++) {
        let trials = noTrials(minInclusionProbability);
        for (let j = 0; j < complete + audited; j++) {
          trials = addTrial(trials, {
            inclusionProbability: j < complete ? 1 : minInclusionProbability,
            error: random() < 0.08 ? 1 : 0,
          });
        }
        const { lower, upper } = errorBounds(trials, delta);
        above += (upper - 0.08) / samples;
        below += (0.08 - lower) / samples;
      }
      return { above, below };
    };
    // Measured over 300 samples: 0.0188 above and 0.0179 below; audited 0.0192 and 0.0176; mixed 0.0264 and 0.0246.
    for (const [plan, above, below] of [
      [[2_000, 0, 1], 0.021, 0.02],
      [[0, 2_000, 0.02], 0.021, 0.02],
      // The 1,000 complete labels stand for 2% of these questions: the rest is known from 1,000 alone.
      [[1_000, 1_000, 0.02], 0.029, 0.028],
    ] as const) {
      const seen = distances(plan);
      expect(seen.above).toBeLessThan(above);
      expect(seen.below).toBeLessThan(below);
      expect(Math.min(seen.above, seen.below)).toBeGreaterThan(0.01);
    }
  });

  it("narrow around the mean as labels arrive, up to millions", () => {
    let last = 1;
    for (const labels of [25, 100, 1_000, 10_000, 1e6, 1e7]) {
      const { mean, lower, upper } = errorBounds(uniformTrials(labels, 0.08 * labels), delta);
      expect(mean).toBeCloseTo(0.08, 12);
      expect(lower).toBeLessThan(0.08);
      expect(upper).toBeGreaterThan(0.08);
      expect(upper - lower).toBeLessThan(last);
      last = upper - lower;
    }
    // The normal distribution's own 95% would be ±0.00017 here.
    expect(last).toBeLessThan(0.0008);
  });

  it("include exactly the values between them", () => {
    for (const trials of [
      uniformTrials(12, 0),
      uniformTrials(40, 3),
      uniformTrials(2_000, 160),
      uniformTrials(300, 290, 0.02),
      sum(uniformTrials(900, 20, 1, 0.02), uniformTrials(200, 30, 0.02)),
    ]) {
      const { lower, upper } = errorBounds(trials, delta);
      for (let risk = 0.0005; risk < 1; risk += 0.001) {
        expect(isBelowWithConfidence(trials, risk, delta)).toBe(risk >= upper);
        expect(isAboveWithConfidence(trials, risk, delta)).toBe(risk <= lower);
      }
    }
  });

  it("are symmetric, and widen for a smaller delta", () => {
    const { lower, upper } = errorBounds(uniformTrials(500, 60), delta);
    const mirror = errorBounds(uniformTrials(500, 440), delta);
    expect(mirror.lower).toBeCloseTo(1 - upper, 12);
    expect(mirror.upper).toBeCloseTo(1 - lower, 12);
    const surer = errorBounds(uniformTrials(500, 60), delta / 100);
    expect(surer.upper).toBeGreaterThan(upper);
    expect(surer.lower).toBeLessThan(lower);
  });

  it("are uninformative for few labels, and stay within 0 and 1", () => {
    expect(errorBounds(noTrials(1), delta)).toEqual({ mean: null, lower: 0, upper: 1 });
    expect(errorBounds(uniformTrials(5, 0), delta)).toEqual({ mean: 0, lower: 0, upper: 1 });
    expect(errorBounds(uniformTrials(5, 5), delta)).toEqual({ mean: 1, lower: 0, upper: 1 });
    expect(errorBounds(uniformTrials(1_000, 1_000), delta)).toMatchObject({ mean: 1, upper: 1 });
    expect(errorBounds(uniformTrials(1_000, 0), delta)).toMatchObject({ mean: 0, lower: 0 });
  });

  it("do not depend on an inclusion probability that all labels share; a smaller lower bound widens them", () => {
    const complete = errorBounds(uniformTrials(2_000, 160), delta);
    const audited = errorBounds(uniformTrials(2_000, 160, 0.02), delta);
    expect(audited.upper).toBeCloseTo(complete.upper, 6);
    expect(audited.lower).toBeCloseTo(complete.lower, 6);
    const feared = errorBounds(uniformTrials(2_000, 160, 1, 0.02), delta);
    expect(feared.upper).toBeGreaterThan(complete.upper);
  });

  it("equal the definition, counted trial by trial", () => {
    const plan = [
      { labels: 300, errors: 12, inclusionProbability: 1 },
      { labels: 120, errors: 15, inclusionProbability: 0.1 },
    ];
    const trials = plan
      .map(({ labels, errors, inclusionProbability }) => uniformTrials(labels, errors, inclusionProbability, 0.1))
      .reduce((a, b) => sum(a, b));
    // Fan's process for each bet by its definition, from terms scaled to at least −1, mixed by the same weights.
    const weights = Array.from({ length: 24 }, (_, i) => 1 / (1 + ((i - 8) / 3) ** 2));
    const total = weights.reduce((a, b) => a + b);
    const mixed = (risk: number) =>
      weights.reduce((capital, weight, i) => {
        const odds = 1 - Math.exp(-4 * (0.002 / 4) ** (i / 23));
        const ell = (odds * (1 - risk)) / (1 - risk * odds);
        const c = (1 - risk) / 0.1;
        const psi = -Math.log(1 - ell) - ell;
        let log = 0;
        for (const { labels, errors, inclusionProbability } of plan) {
          for (let j = 0; j < labels; j++) {
            const x = (risk - (j < errors ? 1 : 0)) / inclusionProbability / c;
            log += ell * x - psi * x ** 2;
          }
        }
        return capital + (weight / total) * Math.exp(log);
      }, 0);
    const { upper } = errorBounds(trials, delta);
    expect(mixed(upper + 1e-5)).toBeGreaterThan(1 / delta);
    expect(mixed(upper - 1e-5)).toBeLessThan(1 / delta);
  });
});
