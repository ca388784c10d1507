import { describe, expect, it } from "vitest";
import {
  correctOpinion,
  learnOpinion,
  noOpinionFit,
  predictedError,
  type SecondOpinion,
} from "#core/confidence/opinion.ts";

const agrees: SecondOpinion = { agrees: true, score: 0.97 };
const disagrees: SecondOpinion = { agrees: false, score: 0.02 };

describe("a fit of opinions", () => {
  it("predicts more errors from disagreement than from agreement before the first label", () => {
    const fit = noOpinionFit();
    expect(predictedError(fit, disagrees)).toBeGreaterThan(0.5);
    expect(predictedError(fit, { agrees: true, score: 0.6 })).toBeGreaterThan(predictedError(fit, agrees));
    expect(predictedError(fit, agrees)).toBeLessThan(0.05);
  });

  it("approaches the frequency of errors among questions with such an opinion, and no other", () => {
    let fit = noOpinionFit();
    for (let i = 0; i < 400; i++) fit = learnOpinion(fit, disagrees, i % 4 === 0 ? 1 : 0);
    expect(predictedError(fit, disagrees)).toBeCloseTo(0.25, 1);
    expect(predictedError(fit, agrees)).toBe(predictedError(noOpinionFit(), agrees));
  });

  it("learns the base rate of questions whose opinion did not come", () => {
    let fit = noOpinionFit();
    for (let i = 0; i < 400; i++) fit = learnOpinion(fit, null, i % 5 === 0 ? 1 : 0);
    expect(predictedError(fit, null)).toBeCloseTo(0.2, 1);
  });

  it("is the same after a correction as if the error had been known at first", () => {
    const before = learnOpinion(noOpinionFit(), agrees, 0);
    expect(correctOpinion(learnOpinion(before, disagrees, 1), disagrees, 1, 0)).toEqual(
      learnOpinion(before, disagrees, 0),
    );
  });

  it("predicts a probability for every score and survives JSON", () => {
    const fit = learnOpinion(noOpinionFit(), disagrees, 1);
    for (const isAgreeing of [true, false]) {
      for (const score of [0, 0.1, 0.5, 0.9, 1]) {
        const predicted = predictedError(fit, { agrees: isAgreeing, score });
        expect(predicted).toBeGreaterThanOrEqual(0);
        expect(predicted).toBeLessThanOrEqual(1);
      }
    }
    expect(JSON.parse(JSON.stringify(fit))).toEqual(fit);
  });
});
