import { describe, expect, it } from "vitest";
import {
  addPowered,
  betsOf,
  correctPowered,
  gainsOf,
  isPoweredValid,
  logCapitalOf,
  noCapital,
  type PoweredPlan,
  type PoweredTrial,
  poweredLabelsNeeded,
} from "#core/confidence/powered.ts";
import type { Outcome } from "#core/confidence/trials.ts";

const plan: PoweredPlan = { targetRisk: 0.1, minPlannedShare: 0.1, maxOpinionShare: 0.25 };
const shares = { plannedShare: 0.1, opinionShare: 0.25 };
const labelled = (error: Outcome, predicted: number): PoweredTrial => ({
  ...shares,
  isPlanned: true,
  error,
  predicted,
});
const unlabelled = (predicted: number): PoweredTrial => ({ ...shares, isPlanned: false, error: null, predicted });
const capitalOf = (trials: readonly PoweredTrial[]) => trials.reduce(addPowered, noCapital(plan));
const predictions = [0, 0.01, 0.3, 0.5, 0.99, 1];
const outcomes: readonly Outcome[] = [0, 1];

describe("the factor of a question", () => {
  it("equals the one computed by hand", () => {
    // (r − E)/a, and (r − f)/q + (f − E)/a.
    expect(gainsOf(labelled(0, 0.2), 0.1)).toEqual({ fromLabels: 1, fromOpinions: expect.closeTo(-0.4 + 2, 12) });
    expect(gainsOf(labelled(1, 0.2), 0.1)).toEqual({ fromLabels: -9, fromOpinions: expect.closeTo(-0.4 - 8, 12) });
    expect(gainsOf(unlabelled(0.2), 0.1)).toEqual({ fromLabels: 0, fromOpinions: -0.4 });
  });

  it("has the mean 1 + κ(r − E) over the coin, whatever was predicted", () => {
    for (const { plannedShare: a, opinionShare: q } of [shares, { plannedShare: 0.02, opinionShare: 1 }]) {
      for (const f of predictions) {
        for (const error of outcomes) {
          const common = { plannedShare: a, opinionShare: q, predicted: f };
          const withLabel = gainsOf({ ...common, isPlanned: true, error }, 0.1);
          const without = gainsOf({ ...common, isPlanned: false, error: null }, 0.1);
          expect(a * withLabel.fromLabels).toBeCloseTo(0.1 - error, 12);
          expect(a * withLabel.fromOpinions + (q - a) * without.fromOpinions).toBeCloseTo(0.1 - error, 12);
        }
      }
    }
  });

  it("is positive for every bet, and would be 0 at the worst for a bet of 1/0.95 times the largest", () => {
    for (const targetRisk of [0.01, 0.1, 0.6]) {
      for (const minPlannedShare of [0.02, 0.1, 1]) {
        for (const maxOpinionShare of [minPlannedShare, (1 + minPlannedShare) / 2, 1]) {
          const bets = betsOf({ targetRisk, minPlannedShare, maxOpinionShare });
          let least = Number.POSITIVE_INFINITY;
          for (const plannedShare of [minPlannedShare, (minPlannedShare + maxOpinionShare) / 2]) {
            for (const opinionShare of [plannedShare, maxOpinionShare]) {
              for (const predicted of predictions) {
                for (const error of [0, 1, null] as const) {
                  const trial = { plannedShare, opinionShare, isPlanned: error !== null, error, predicted };
                  const gains = gainsOf(trial, targetRisk);
                  const factors = [
                    ...bets.fromLabels.map((bet) => 1 + bet * gains.fromLabels),
                    ...bets.fromOpinions.map((bet) => 1 + bet * gains.fromOpinions),
                  ];
                  expect(Math.min(...factors)).toBeGreaterThan(0.04);
                  least = Math.min(least, 1 + (Math.max(...bets.fromOpinions) / 0.95) * gains.fromOpinions);
                }
              }
            }
          }
          expect(least).toBeCloseTo(0, 9);
        }
      }
    }
  });

  it("does not depend on the prediction where opinions are drawn as rarely as labels", () => {
    const alike = { plannedShare: 0.1, opinionShare: 0.1, isPlanned: true, error: 1 } as const;
    for (const predicted of predictions) {
      const { fromLabels, fromOpinions } = gainsOf({ ...alike, predicted }, 0.1);
      expect(fromOpinions).toBeCloseTo(fromLabels, 12);
    }
  });
});

describe("a capital", () => {
  it("is half from labels alone and half from labels and opinions", () => {
    const trials = [labelled(0, 0.02), unlabelled(0.02), unlabelled(0.7), labelled(1, 0.7)];
    const bets = betsOf(plan);
    const capital = capitalOf(trials);
    for (const kind of ["fromLabels", "fromOpinions"] as const) {
      const products = bets[kind].map((bet) =>
        trials.reduce((product, trial) => product * (1 + bet * gainsOf(trial, plan.targetRisk)[kind]), 1),
      );
      for (const [i, product] of products.entries())
        expect(Math.exp(capital[kind][i] as number)).toBeCloseTo(product, 12);
    }
    const zero = noCapital(plan);
    const halves = [
      { ...zero, fromLabels: capital.fromLabels },
      { ...zero, fromOpinions: capital.fromOpinions },
    ].map((half) => 2 * Math.exp(logCapitalOf(half)) - 1);
    expect(Math.exp(logCapitalOf(capital))).toBeCloseTo(((halves[0] as number) + (halves[1] as number)) / 2, 12);
    expect(logCapitalOf(zero)).toBeCloseTo(0, 12);
  });

  it("is the same after a correction as if the error had been known at first", () => {
    const trials = Array.from({ length: 200 }, (_, i) =>
      i % 3 === 0 ? labelled(i % 7 === 0 ? 1 : 0, (i % 10) / 10) : unlabelled((i % 9) / 9),
    );
    for (const at of [0, 3, 198]) {
      const trial = trials[at] as PoweredTrial;
      const error = trial.error === 1 ? 0 : 1;
      const corrected = correctPowered(capitalOf(trials), trial, error);
      const expected = capitalOf(trials.with(at, { ...trial, error }));
      expect(corrected.labels).toBe(expected.labels);
      for (const kind of ["fromLabels", "fromOpinions"] as const) {
        for (const [i, log] of expected[kind].entries()) expect(corrected[kind][i]).toBeCloseTo(log, 10);
      }
    }
  });

  it("falls with every error, so that a missing label may count as one", () => {
    for (const predicted of predictions) {
      const right = capitalOf([labelled(0, predicted)]);
      const wrong = capitalOf([labelled(1, predicted)]);
      for (const kind of ["fromLabels", "fromOpinions"] as const) {
        for (const [i, log] of right[kind].entries()) expect(wrong[kind][i]).toBeLessThan(log);
      }
    }
  });

  it("survives JSON", () => {
    const capital = capitalOf([labelled(0, 0.1), unlabelled(0.9)]);
    expect(JSON.parse(JSON.stringify(capital))).toEqual(capital);
  });

  it("never becomes infinite, however many labels are wrong", () => {
    const capital = capitalOf(Array.from({ length: 2_000 }, () => labelled(1, 0)));
    expect(Number.isFinite(logCapitalOf(capital))).toBe(true);
    expect(isPoweredValid(capital, 0.05)).toBe(false);
  });

  it("accepts a label that was certain to be planned, whatever share of opinions the plan has", () => {
    const complete = { plannedShare: 1, opinionShare: 1, isPlanned: true, error: 0, predicted: 0.4 } as const;
    const capital = addPowered(noCapital(plan), complete);
    expect(capital.fromLabels[0]).toBeCloseTo(Math.log1p((betsOf(plan).fromLabels[0] as number) * 0.1), 12);
  });

  it("refuses what the plan or the policy excludes", () => {
    const capital = noCapital(plan);
    expect(() => addPowered(capital, { ...labelled(0, 0), plannedShare: 0.05 })).toThrow(RangeError);
    expect(() => addPowered(capital, { ...labelled(0, 0), opinionShare: 0.3 })).toThrow(RangeError);
    expect(() => addPowered(capital, { ...labelled(0, 0), opinionShare: 0.09 })).toThrow(RangeError);
    expect(() => addPowered(capital, { ...labelled(0, 0), error: null })).toThrow(RangeError);
    expect(() => addPowered(capital, { ...unlabelled(0), error: 0 })).toThrow(RangeError);
    expect(() => addPowered(capital, unlabelled(1.1))).toThrow(RangeError);
    expect(() => noCapital({ ...plan, maxOpinionShare: 0.05 })).toThrow(RangeError);
    expect(() => noCapital({ ...plan, targetRisk: 0 })).toThrow(RangeError);
  });
});

describe("the labels that a capital still needs", () => {
  it("are as many as suffice if the present labels are repeated", () => {
    const block = [...Array.from({ length: 19 }, () => labelled(0, 0.02)), labelled(1, 0.02)];
    const seen = capitalOf([...block, ...block]);
    const needed = poweredLabelsNeeded(seen, 0.05) as number;
    expect(needed).toBeGreaterThan(0);
    const blocks = (n: number) => capitalOf(Array.from({ length: n }, () => block).flat());
    expect(isPoweredValid(blocks(2 + Math.ceil(needed / 20)), 0.05)).toBe(true);
    expect(isPoweredValid(blocks(1 + Math.floor(needed / 20)), 0.05)).toBe(false);
    expect(poweredLabelsNeeded(blocks(2 + Math.ceil(needed / 20)), 0.05)).toBe(0);
  });

  it("are fewer where opinions are good", () => {
    const alone = Array.from({ length: 30 }, () => labelled(0, 0));
    const opinions = Array.from({ length: 45 }, () => unlabelled(0.01));
    const needed = (trials: PoweredTrial[]) => poweredLabelsNeeded(capitalOf(trials), 0.05) as number;
    expect(needed([...alone, ...opinions])).toBeLessThan(needed(alone));
  });

  it("assume no errors before the first label, and are null where the errors are too many", () => {
    expect(poweredLabelsNeeded(noCapital(plan), 0.05)).toBeGreaterThan(25);
    expect(poweredLabelsNeeded(noCapital(plan), 0.05)).toBeLessThan(60);
    expect(poweredLabelsNeeded(capitalOf([labelled(1, 0.5), labelled(0, 0.5)]), 0.05)).toBeNull();
  });
});
